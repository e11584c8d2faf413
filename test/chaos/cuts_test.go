package chaos_test

import (
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

func TestCutsLieAtRandomBytesOfTheTotal(t *testing.T) {
	const n, total = 1000, 1 << 20
	scripts := chaos.Cuts(1, n, total, chaos.Reset{}, chaos.Close{})
	at, resets := int64(0), 0
	var quarters [4]int
	for i := range n {
		s := scripts(i)
		require.Len(t, s, 1)
		require.Equal(t, chaos.Both, s[0].Direction)
		at += s[0].After
		quarters[at*4/total]++
		if s[0].Fault == (chaos.Reset{}) {
			resets++
		}
	}
	require.Less(t, at, int64(total))
	for _, q := range quarters {
		require.InDelta(t, n/4, q, n/10)
	}
	require.InDelta(t, n/2, resets, n/10)
	require.Nil(t, scripts(n))

	again, other := chaos.Cuts(1, n, total, chaos.Reset{}, chaos.Close{}), chaos.Cuts(2, n, total, chaos.Reset{}, chaos.Close{})
	same := true
	for i := range n {
		require.Equal(t, scripts(i), again(i))
		same = same && scripts(i)[0] == other(i)[0]
	}
	require.False(t, same)
}

func TestCutsHitABytewiseTransferExactly(t *testing.T) {
	const n, total = 20, 10_000
	l := chaos.NewListener(chaos.Cuts(3, n, total, chaos.Reset{}))
	defer l.Close()
	arrived := 0
	for arrived < total {
		c, err := l.Dial()
		require.NoError(t, err)
		s, err := l.Accept()
		require.NoError(t, err)
		// The other side may know what has arrived: nothing is sent twice.
		left := make([]byte, total-arrived)
		go func() {
			c.Write(left)
			c.(*chaos.Conn).CloseWrite()
		}()
		got, _ := io.Copy(io.Discard, s)
		arrived += int(got)
		s.Close()
		c.Close()
	}
	require.Equal(t, total, arrived)
	require.Equal(t, n, l.Stats().Cuts)
}

func TestASeedIsLoggedAndMayBeGiven(t *testing.T) {
	log := &logger{}
	seed := chaos.Seed(log)
	require.Contains(t, log.line, fmt.Sprintf("%s=%d ", chaos.SeedVariable, seed))
	t.Setenv(chaos.SeedVariable, strconv.FormatUint(seed+1, 10))
	require.Equal(t, seed+1, chaos.Seed(log))
}

type logger struct{ line string }

func (*logger) Helper() {}

func (l *logger) Logf(format string, args ...any) { l.line = fmt.Sprintf(format, args...) }
