//go:build !race

package multiplexer

import (
	"context"
	"io"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
	"github.com/singchia/geminio/pkg/wait"
)

// A sink is a Link that takes everything and keeps nothing.
type sink struct{ scriptLink }

func (*sink) AppendData(_ uint32, p []byte, _ bool, _ *wait.Waiter) (int, uint64, error) {
	return min(len(p), packet.MaxPayload), 0, nil
}

func (*sink) Append(packet.Class, packet.Header, []byte, []byte, []byte, *wait.Waiter) (uint64, error) {
	return 0, nil
}

func newSink(t testing.TB) *Multiplexer {
	link := &sink{scriptLink{client: true}}
	cfg := config(offer())
	cfg.Peer.StreamWindow = 1<<32 - 1
	cfg.Peer.OpenCredit.Opens = 1 << 20
	return New(link, &side{}, cfg)
}

func TestWriteAllocatesNothing(t *testing.T) {
	d := newSink(t).Default()
	for _, size := range []int{64, 4 << 10, 128 << 10} {
		p := make([]byte, size)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if n, err := d.Write(p); n != size || err != nil {
				t.Fatal(n, err)
			}
		}), "%d bytes", size)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	m := newSink(t)
	d := m.Default()
	in := slab.Get()
	defer in.Release()
	for _, size := range []int{64, copyBelow - 1, copyBelow, 60 << 10} {
		p := make([]byte, size)
		h := packet.Header{Type: packet.TypeData, Stream: d.id, Length: size}
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if err := m.HandleData(h, 0, in.Bytes()[:size], in); err != nil {
				t.Fatal(err)
			}
			m.EndBatch()
			if _, err := io.ReadFull(d, p); err != nil {
				t.Fatal(err)
			}
			m.Compose() // a raised limit is one small allocation each half window
		}), "%d bytes", size)
	}
}

func TestAnIdleDialogueTakesLessThanAKilobyte(t *testing.T) {
	m := newSink(t)
	const n = 10_000
	all := make([]*Dialogue, n)
	before := heap()
	for i := range all {
		d, err := m.Open(context.Background(), nil, "")
		require.NoError(t, err)
		all[i] = d
	}
	each := (heap() - before) / n
	t.Logf("a Dialogue is %d bytes; %d of the heap each, with its place in the table", unsafe.Sizeof(Dialogue{}), each)
	require.Less(t, each, 1000)
	runtime.KeepAlive(all)
}

func heap() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}
