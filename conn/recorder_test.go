package conn

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// soon is how long a test waits for what has no reason to take long.
const soon = 10 * time.Second

// A frame is what was handed up, or what a peer says.
type frame struct {
	packet.Header
	payload []byte
}

func (f frame) String() string {
	return fmt.Sprintf("%v stream %d flags %d length %d", f.Type, f.Stream, f.Flags, len(f.payload))
}

// encode returns the frames as they stand on the wire.
func encode(fs ...frame) []byte {
	var b []byte
	for _, f := range fs {
		f.Length = len(f.payload)
		b = append(packet.AppendHeader(b, f.Header), f.payload...)
	}
	return b
}

// A recorder is a Handler that keeps what it is given and watches over the
// promises of the Handler interface.
type recorder struct {
	c       *Conn
	compose func()                    // nil: nothing is owed
	onClose func(packet.Code, string) // nil: Offline at once
	onFrame func()
	keep    func(*slab.Slab) // sees the slab of each part

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew when something came
	frames   []frame       // DATA and BODY put together again
	parts    []int         // lengths of the parts of DATA and BODY frames
	partial  []byte
	batches  int
	broken   []string
	codes    []packet.Code
	endings  []error
	closed   chan struct{}
	atClosed struct{ reading, writing bool }
}

func newRecorder(c *Conn) *recorder {
	return &recorder{c: c, changed: make(chan struct{}), closed: make(chan struct{})}
}

// note runs f under the lock and wakes who waits. It notes a call that comes
// after HandleClosed.
func (r *recorder) note(what string, f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.endings) > 0 {
		r.broken = append(r.broken, what+" after HandleClosed")
	}
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) HandleFrame(h packet.Header, payload []byte) error {
	if r.onFrame != nil {
		r.onFrame()
	}
	r.note("HandleFrame", func() {
		r.frames = append(r.frames, frame{h, bytes.Clone(payload)})
	})
	return nil
}

func (r *recorder) HandleData(h packet.Header, off int, part []byte, s *slab.Slab) error {
	if r.keep != nil {
		r.keep(s)
	}
	r.part(h, off, part, h.Length, nil)
	if h.Length <= wholeData && len(part) != h.Length {
		r.note("HandleData", func() { r.broken = append(r.broken, "a small DATA frame in parts") })
	}
	return nil
}

func (r *recorder) HandleBody(h packet.Header, b packet.BodyHead, off int, part []byte) error {
	r.part(h, off, part, h.Length-packet.BodyHeadLen, packet.AppendBody(nil, b))
	return nil
}

func (r *recorder) part(h packet.Header, off int, part []byte, whole int, head []byte) {
	r.note("a part", func() {
		if off != len(r.partial) {
			r.broken = append(r.broken, fmt.Sprintf("a part at %d, not at %d", off, len(r.partial)))
		}
		r.parts = append(r.parts, len(part))
		r.partial = append(r.partial, part...)
		if len(r.partial) == whole {
			r.frames = append(r.frames, frame{h, append(head, r.partial...)})
			r.partial = nil
		}
	})
}

func (r *recorder) EndBatch() {
	r.note("EndBatch", func() { r.batches++ })
}

func (r *recorder) Compose() {
	if r.compose != nil {
		r.compose()
	}
}

func (r *recorder) HandleClose(code packet.Code, text string) {
	r.note("HandleClose", func() { r.codes = append(r.codes, code) })
	if r.onClose != nil {
		r.onClose(code, text)
		return
	}
	r.c.Offline()
}

func (r *recorder) HandleClosed(err error) {
	r.c.mu.Lock()
	reading, writing := r.c.reading, r.c.writing
	r.c.mu.Unlock()
	r.note("HandleClosed", func() {
		r.atClosed.reading, r.atClosed.writing = reading, writing
		r.endings = append(r.endings, err)
		if len(r.endings) == 1 {
			close(r.closed)
		}
	})
}

// received waits until n frames were handed up and returns them.
func (r *recorder) received(t testing.TB, n int) []frame {
	t.Helper()
	r.until(t, func() bool { return len(r.frames) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames[:len(r.frames):len(r.frames)]
}

// until waits for a condition, which is evaluated under the lock.
func (r *recorder) until(t testing.TB, ok func() bool) {
	t.Helper()
	late := time.NewTimer(soon)
	defer late.Stop()
	for {
		r.mu.Lock()
		done, changed := ok(), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			require.FailNow(t, "it did not come")
		}
	}
}

// ended waits for HandleClosed, checks the promises and returns the error.
func (r *recorder) ended(t testing.TB) error {
	t.Helper()
	late := time.NewTimer(soon)
	defer late.Stop()
	select {
	case <-r.closed:
	case <-late.C:
		require.FailNow(t, "HandleClosed was not called")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.broken)
	require.Len(t, r.endings, 1)
	require.False(t, r.atClosed.reading, "the reader runs at HandleClosed")
	require.False(t, r.atClosed.writing, "the flusher runs at HandleClosed")
	return r.endings[0]
}
