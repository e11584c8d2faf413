// Package adaptertest tests that an adapter offers what peer.Peer says, and
// that what it carries arrives.
package adaptertest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// longest is how long anything may take.
const longest = 30 * time.Second

// Test tests everything that p offers.
func Test(t *testing.T, p peer.Peer) {
	before := runtime.NumGoroutine()
	if p.Mux != nil {
		t.Run("streams", func(t *testing.T) { within(t, func() error { return testStreams(p) }) })
		t.Run("open and close", func(t *testing.T) { within(t, func() error { return testOpenClose(p) }) })
	}
	if p.Call != nil {
		t.Run("calls", func(t *testing.T) {
			within(t, func() error {
				c, err := p.Call()
				if err != nil {
					return err
				}
				return errors.Join(testCalls(c), c.Close())
			})
		})
	}
	if p.Mixed != nil {
		t.Run("calls beside streams", func(t *testing.T) { within(t, func() error { return testMixed(p) }) })
	}
	if p.Message != nil {
		t.Run("messages", func(t *testing.T) { within(t, func() error { return testMessages(p) }) })
	}
	for name, open := range p.Extra {
		t.Run(name, func(t *testing.T) {
			within(t, func() error {
				op, _, end, err := open()
				if err != nil {
					return err
				}
				defer end()
				for range 5 {
					if err := op(); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	gone := func() bool { return runtime.NumGoroutine() <= before }
	for end := time.Now().Add(5 * time.Second); !gone() && time.Now().Before(end); {
		runtime.Gosched()
	}
	if !gone() {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines left, there were %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
	}
}

// within fails t where f fails or takes too long.
func within(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(longest):
		stacks := make([]byte, 1<<20)
		t.Fatalf("still under way after %v:\n%s", longest, stacks[:runtime.Stack(stacks, true)])
	}
}

// testStreams sends bytes both ways on many streams at once, and compares.
func testStreams(p peer.Peer) error {
	m, err := p.Mux()
	if err != nil {
		return err
	}
	n := 20
	if p.Serial {
		n = 1
	}
	const size = 1 << 20
	var all sync.WaitGroup
	failed := make(chan error, 4*n)
	var streams []io.Closer
	for i := range n {
		near, far, err := openStream(m)
		if err != nil {
			return err
		}
		streams = append(streams, near, far)
		for k, way := range [][2]io.ReadWriter{{near, far}, {far, near}} {
			content := random(uint64(2*i+k), size)
			all.Go(func() {
				_, err := way[0].Write(content)
				failed <- err
			})
			all.Go(func() {
				got := make([]byte, size)
				_, err := io.ReadFull(way[1], got)
				if err == nil && sha256.Sum256(got) != sha256.Sum256(content) {
					err = errors.New("other bytes than were sent")
				}
				failed <- err
			})
		}
	}
	all.Wait()
	close(failed)
	for e := range failed {
		err = errors.Join(err, e)
	}
	for _, s := range streams {
		_ = s.Close()
	}
	return errors.Join(err, m.Close())
}

// openStream opens a stream that has carried its first byte: some libraries say
// nothing of it before.
func openStream(m peer.Mux) (near, far io.ReadWriteCloser, err error) {
	if near, err = m.Open(); err != nil {
		return nil, nil, err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := near.Write([]byte{1})
		sent <- err
	}()
	if far, err = m.Accept(); err != nil {
		return nil, nil, err
	}
	_, err = io.ReadFull(far, make([]byte, 1))
	return near, far, errors.Join(err, <-sent)
}

func testOpenClose(p peer.Peer) error {
	m, err := p.Mux()
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			s, err := m.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer s.Close()
				b := make([]byte, 1)
				if _, err := io.ReadFull(s, b); err == nil {
					_, _ = s.Write(b)
				}
			})
		}
	})
	for i := range 200 {
		if err := openClose(m, byte(i)); err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
	}
	err = m.Close()
	serving.Wait()
	return err
}

func openClose(m peer.Mux, b byte) error {
	s, err := m.Open()
	if err != nil {
		return err
	}
	p := []byte{b}
	if _, err := s.Write(p); err != nil {
		return err
	}
	p[0]++
	if _, err := io.ReadFull(s, p); err != nil {
		return err
	}
	if p[0] != b {
		return errors.New("another byte came back")
	}
	return s.Close()
}

// testCalls calls from many goroutines, with contents of all sizes.
func testCalls(c peer.Caller) error {
	const callers = 64
	failed := make(chan error, callers)
	for i := range callers {
		go func() {
			failed <- func() error {
				for k := range 10 {
					content := random(uint64(100*i+k), 64<<(i*k%12))
					got, err := c.Call(content)
					if err != nil {
						return err
					}
					if !bytes.Equal(got, content) {
						return errors.New("another answer")
					}
				}
				return nil
			}()
		}()
	}
	var err error
	for range callers {
		err = errors.Join(err, <-failed)
	}
	return err
}

func testMixed(p peer.Peer) error {
	m, c, err := p.Mixed()
	if err != nil {
		return err
	}
	near, far, err := openStream(m)
	if err != nil {
		return err
	}
	const size = 4 << 20
	content := random(1, size)
	read, written := make(chan error, 1), make(chan error, 1)
	go func() {
		got := make([]byte, size)
		_, err := io.ReadFull(far, got)
		if err == nil && !bytes.Equal(got, content) {
			err = errors.New("other bytes than were sent")
		}
		read <- err
	}()
	go func() {
		_, err := near.Write(content)
		written <- err
	}()
	err = errors.Join(testCalls(c), <-written, <-read)
	_, _ = near.Close(), far.Close()
	return errors.Join(err, c.Close(), m.Close())
}

func testMessages(p peer.Peer) error {
	m, err := p.Message()
	if err != nil {
		return err
	}
	const n = 256
	acked := make(chan error, n)
	for i := range n {
		if err := m.PublishAsync(random(uint64(i), 64<<(i%12)), func(err error) { acked <- err }); err != nil {
			return err
		}
	}
	for range n {
		err = errors.Join(err, <-acked)
	}
	var all sync.WaitGroup
	failed := make(chan error, 64)
	for i := range 64 {
		all.Go(func() { failed <- m.Publish(random(uint64(i), 1024)) })
	}
	all.Wait()
	close(failed)
	for e := range failed {
		err = errors.Join(err, e)
	}
	return errors.Join(err, m.Close())
}

// random returns n bytes that depend on seed.
func random(seed uint64, n int) []byte {
	var key [32]byte
	for i := range key {
		key[i] = byte(seed >> (i % 8 * 8))
	}
	p := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(p)
	return p
}
