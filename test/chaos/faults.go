package chaos

import (
	"io"
	"math/rand/v2"
	"syscall"
	"time"
)

// A Fault is one of the types of this package.
type Fault interface {
	// hit brings the fault to a direction of a link, whose lock is held.
	hit(f *flow)

	// draw returns the fault with figures up to its own.
	draw(rnd *rand.Rand) Fault
}

// Reset breaks the connection, both directions of it, as a RST from the middle
// does: what is under way is lost, and both sides get ECONNRESET once they have
// read what had arrived.
type Reset struct{}

// Close ends the connection, both directions of it, as a FIN from the middle
// does: what is under way is lost, both sides read what had arrived and then
// io.EOF, and writing gives EPIPE.
type Close struct{}

// CloseWrite ends the direction as a FIN from the middle does. Its reader gets
// io.EOF after what had arrived; its writer learns nothing, and what it still
// writes is lost.
type CloseWrite struct{}

// BlackHole swallows what the direction carries from then on, the end of the
// connection too; nothing can be written into it that would ever wait. See
// Stall for a direction that holds what it does not deliver.
type BlackHole struct{}

// Stall stops the direction: nothing arrives, not even the end, and Write waits
// as soon as the queue is full. Zero For is until Release, or for ever.
type Stall struct{ For time.Duration }

// Release ends a Stall. Nothing was lost.
type Release struct{}

// Delay has each packet arrive Base plus or minus Jitter after it left. Order is
// kept: a packet that is overtaken holds up the ones behind. The zero Delay ends
// the fault, for what leaves from then on.
type Delay struct {
	Base, Jitter time.Duration
	Seed         uint64 // of the jitter
}

// Bandwidth has the wire carry Rate bytes a second, in packets of 1460 bytes or
// of a millisecond, if that is more. Queue is how many bytes wait for the wire
// until Write does, zero is 64 KiB. Zero Rate ends the fault.
type Bandwidth struct {
	Rate  int
	Queue int
}

// Slice has each Read return between one byte and Max bytes. Zero Max ends the
// fault.
type Slice struct {
	Max  int
	Seed uint64
}

// SlowClose has the end of the direction (io.EOF after Close or CloseWrite of
// its writer, the reset after Abort) arrive Wait later than its last byte.
type SlowClose struct{ Wait time.Duration }

// Refuse has the connection refused, by a Listener when it is dialled, by a
// Proxy with a reset as soon as it accepted; After and At do not count. To a
// connection that exists it is a Reset.
type Refuse struct{}

func (Reset) hit(f *flow)       { f.link.cut(syscall.ECONNRESET, f.link.up, f.link.down) }
func (Close) hit(f *flow)       { f.link.cut(io.EOF, f.link.up, f.link.down) }
func (CloseWrite) hit(f *flow)  { f.link.cut(io.EOF, f) }
func (Refuse) hit(f *flow)      { Reset{}.hit(f) }
func (BlackHole) hit(f *flow)   { f.hole = true }
func (Release) hit(f *flow)     { f.stalled = false }
func (s SlowClose) hit(f *flow) { f.slow = s.Wait }

func (s Stall) hit(f *flow) {
	f.stalled, f.until = true, time.Time{}
	if s.For > 0 {
		f.until = f.link.now.Add(s.For)
	}
}

func (d Delay) hit(f *flow) {
	f.delay, f.jitter = d, rand.New(rand.NewPCG(d.Seed, 1))
}

func (b Bandwidth) hit(f *flow) { f.band = b }

func (s Slice) hit(f *flow) {
	f.slice, f.pieces = s.Max, rand.New(rand.NewPCG(s.Seed, 2))
}

func (r Reset) draw(*rand.Rand) Fault         { return r }
func (c Close) draw(*rand.Rand) Fault         { return c }
func (c CloseWrite) draw(*rand.Rand) Fault    { return c }
func (r Refuse) draw(*rand.Rand) Fault        { return r }
func (b BlackHole) draw(*rand.Rand) Fault     { return b }
func (r Release) draw(*rand.Rand) Fault       { return r }
func (s SlowClose) draw(rnd *rand.Rand) Fault { return SlowClose{upTo(rnd, s.Wait)} }

// draw keeps a stall for ever one, and gives a short one no zero.
func (s Stall) draw(rnd *rand.Rand) Fault {
	if s.For > 0 {
		s.For = max(1, upTo(rnd, s.For))
	}
	return s
}

func (d Delay) draw(rnd *rand.Rand) Fault {
	return Delay{upTo(rnd, d.Base), upTo(rnd, d.Jitter), rnd.Uint64()}
}

// draw leaves a sixteenth of the rate at least: a wire of a few bytes a second
// is a stall.
func (b Bandwidth) draw(rnd *rand.Rand) Fault {
	return Bandwidth{b.Rate/16 + upTo(rnd, b.Rate-b.Rate/16), upTo(rnd, b.Queue)}
}

func (s Slice) draw(rnd *rand.Rand) Fault {
	return Slice{min(s.Max, 1+upTo(rnd, s.Max)), rnd.Uint64()}
}

// upTo draws from [0,n].
func upTo[T ~int | ~int64](rnd *rand.Rand, n T) T {
	return T(rnd.Int64N(int64(max(n, 0)) + 1))
}
