package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/bench/load"
)

func TestARowShowsTheMedianOfTheRatiosOfItsRounds(t *testing.T) {
	r := &row{name: "stream", unit: "MB/s", want: atLeast(0.95)}
	r.add(100, 100)
	r.add(90, 100)
	r.add(300, 100)
	var out bytes.Buffer
	assert.True(t, r.print(&out))
	assert.Contains(t, out.String(), " 1.00     0.90..3.00     >= 0.95\n")

	r.want = atMost(0.99)
	out.Reset()
	assert.False(t, r.print(&out))
	assert.Contains(t, out.String(), "<= 0.99 !\n")
}

func TestMedianIsTheMiddleOfTheSortedValues(t *testing.T) {
	assert.Equal(t, 2.0, median([]float64{3, 1, 2}))
	assert.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
	assert.Equal(t, 0.0, spread([]float64{7, 7, 7}))
}

// clockwork takes a given time for an operation.
type clockwork struct {
	perOp  time.Duration
	fails  error
	closed bool
}

func (c *clockwork) Run(n int) error {
	for begin := time.Now(); time.Since(begin) < time.Duration(n)*c.perOp; {
	}
	return c.fails
}

func (c *clockwork) Close() { c.closed = true }

func TestADuelComparesTheOperationsOfBothAndClosesThem(t *testing.T) {
	ours, ref := &clockwork{perOp: 10 * time.Microsecond}, &clockwork{perOp: time.Millisecond}
	c := between("clockwork", perOp, mark{},
		func() (load.Load, error) { return ours, nil },
		func() (load.Load, error) { return ref, nil })
	rows, err := c.measure(3, 4*time.Millisecond)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	assert.Len(t, rows[0].ratio, 3)
	assert.Less(t, median(rows[0].ratio), 0.5) // 0.01 on a machine that does nothing else
	assert.True(t, ours.closed && ref.closed)
}

func TestADuelFailsWithItsLoad(t *testing.T) {
	broken := errors.New("broken")
	ours, ref := &clockwork{perOp: time.Microsecond, fails: broken}, &clockwork{perOp: time.Microsecond}
	c := between("clockwork", perOp, mark{},
		func() (load.Load, error) { return ours, nil },
		func() (load.Load, error) { return ref, nil })
	_, err := c.measure(1, time.Millisecond)
	assert.ErrorIs(t, err, broken)
	assert.True(t, ours.closed && ref.closed)
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	_, err := run("(", 1, time.Millisecond, "")
	assert.ErrorContains(t, err, "missing closing )")
	_, err = run("", 0, time.Millisecond, "")
	assert.ErrorContains(t, err, "nothing to measure")
	_, err = run("", 1, 0, "")
	assert.ErrorContains(t, err, "nothing to measure")
}
