package server

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/pkg/id"
)

func TestClaimedIDIsRefusedUntilReleased(t *testing.T) {
	r := newRegistry()
	h, err := r.claim(7)
	require.NoError(t, err)
	_, err = r.claim(7)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
	_, err = r.claim(8)
	assert.NoError(t, err)

	h.release()
	_, err = r.claim(7)
	assert.NoError(t, err)
}

func TestAllocatedIDIsNeverOneThatWasAskedFor(t *testing.T) {
	r := newRegistry()
	claimed := map[uint64]bool{}
	next := id.DefaultIncIDCounter.GetID()
	for second := range uint64(3) { // the clock may go on meanwhile
		for n := range uint64(50) {
			wanted := next + second<<32 + n + 1
			_, err := r.claim(wanted)
			require.NoError(t, err)
			claimed[wanted] = true
		}
	}
	for range 20 {
		h := r.allocate()
		assert.NotZero(t, h.id)
		assert.NotContains(t, claimed, h.id)
	}
}

// takeOver starts to take id over and returns where its end will be told.
func takeOver(ctx context.Context, r *registry, clientID uint64) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := r.takeOver(ctx, clientID)
		done <- err
	}()
	return done
}

func TestTakeoverReplacesTheHolderAndWaitsForIt(t *testing.T) {
	r := newRegistry()
	old, err := r.claim(7)
	require.NoError(t, err)
	replaced := make(chan struct{}, 1)
	old.attach(func() { replaced <- struct{}{} })

	done := takeOver(context.Background(), r, 7)
	receive(t, replaced)
	select {
	case <-done:
		t.Fatal("taken over before the holder was gone")
	default:
	}
	old.release()
	assert.NoError(t, receive(t, done))
	_, err = r.claim(7)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
}

func TestTakeoverWaitsForAHolderWithoutConnection(t *testing.T) {
	r := newRegistry()
	old, err := r.claim(7)
	require.NoError(t, err)
	done := takeOver(context.Background(), r, 7)
	replaced := make(chan struct{}, 1)
	old.attach(func() { replaced <- struct{}{} })
	receive(t, replaced)
	old.release()
	assert.NoError(t, receive(t, done))
}

func TestTakeoverOfAHolderThatIsRefusedReplacesNothing(t *testing.T) {
	r := newRegistry()
	old, err := r.claim(7)
	require.NoError(t, err)
	done := takeOver(context.Background(), r, 7)
	old.release()
	assert.NoError(t, receive(t, done))
}

func TestTakeoverEndsWithItsContext(t *testing.T) {
	r := newRegistry()
	_, err := r.claim(7)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := takeOver(ctx, r, 7)
	cancel()
	assert.Equal(t, geminio.ErrClientIDInUse, receive(t, done))
}

func TestRivalTakeoversAllHaveTheirTurn(t *testing.T) {
	r := newRegistry()
	const rivals = 20
	holders := make(chan *holder, rivals)
	for range rivals {
		go func() {
			h, err := r.takeOver(context.Background(), 7)
			if assert.NoError(t, err) {
				h.attach(func() {})
				holders <- h
			}
		}()
	}
	for range rivals {
		receive(t, holders).release()
	}
	assert.Empty(t, r.holders)
}

const patience = 20 * time.Second

// receive returns what c delivers, or fails the test when that takes long.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, "nothing came in time")
	}
	return v
}
