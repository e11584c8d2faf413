package conn

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/singchia/geminio/packet"
)

// A simWorld is both sides of a session, what lies between them, and the time.
// Everything that happens in it follows from its seed.
type simWorld struct {
	rnd            *rand.Rand
	now            time.Time
	client, server *simSide
	wires          int
	trace          uint64 // a hash of all that has happened
	step           int
	log            func(format string, args ...any) // nil: nobody looks

	// how this world is, by its seed
	interval time.Duration // of the beat
	latency  time.Duration
	room     int  // of a pipe
	budget   int  // bytes that each side appends
	lengths  int  // of payloads, as a power of two
	chunks   int  // of reads and writes, the same
	cuts     int  // of a thousand steps
	closes   int  // of ten thousand steps: Shutdown in the middle of it
	quick    bool // hardly any time passes

	attempt  *simAttempt   // that the client waits for
	attempts []*simAttempt // that have not arrived
	judged   *simAttempt   // that waits for the fence
	retryAt  time.Time
	epoch    uint32 // the last that the server has agreed to

	segments map[*segment]bool
	count    simCount
}

// simCount counts what has happened, to see that all of it does.
type simCount struct {
	resumes, inReplay, inFrame, silent, fenced, late, stale, retry, lies, holes, full, closedEarly int
	bytes                                                                                          uint64
}

func (c *simCount) add(o simCount) {
	c.resumes += o.resumes
	c.inReplay += o.inReplay
	c.inFrame += o.inFrame
	c.silent += o.silent
	c.fenced += o.fenced
	c.late += o.late
	c.stale += o.stale
	c.retry += o.retry
	c.lies += o.lies
	c.holes += o.holes
	c.full += o.full
	c.closedEarly += o.closedEarly
	c.bytes += o.bytes
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// simNoise is what payloads are made of.
var simNoise = func() []byte {
	b := make([]byte, 256<<10)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}()

func newSimWorld(seed uint64, log func(string, ...any)) *simWorld {
	rnd := rand.New(rand.NewPCG(seed, 0x5e551045))
	w := &simWorld{
		rnd: rnd, log: log, now: time.Unix(1e9, 0),
		interval: []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}[rnd.IntN(3)],
		latency:  []time.Duration{0, 100 * time.Microsecond, 5 * time.Millisecond, 80 * time.Millisecond}[rnd.IntN(4)],
		room:     16 << 10 << rnd.IntN(6),
		budget:   64 << 10 << rnd.IntN(6),
		lengths:  4 + rnd.IntN(13),
		chunks:   3 + rnd.IntN(16),
		cuts:     rnd.IntN(60),
		closes:   max(0, rnd.IntN(60)-30),
		segments: map[*segment]bool{},
	}
	switch rnd.IntN(16) {
	case 0: // nothing moves
		w.interval, w.latency, w.budget, w.cuts, w.quick = 20*time.Second, 0, 0, 200, true
	case 1: // both close, again and again
		w.closes, w.cuts = 100, 40
	case 2, 3, 4: // a lot moves
		w.budget, w.lengths, w.chunks, w.cuts = 8<<20, 16, 18, rnd.IntN(10)
	}
	w.client, w.server = newSimSide(w, "client"), newSimSide(w, "server")
	w.client.other, w.server.other = w.server, w.client
	w.client.beatAt = w.now.Add(w.interval)
	wire := w.newWire()
	for _, d := range w.sides() {
		d.mu.Lock()
		d.Conn.session.step(established)
		d.carryBy(wire)
		d.mu.Unlock()
	}
	return w
}

func (w *simWorld) sides() [2]*simSide { return [2]*simSide{w.client, w.server} }

func (w *simWorld) newWire() *simWire {
	w.wires++
	pipe := simPipe{room: w.room, delay: w.delay()}
	return &simWire{number: w.wires, up: pipe, down: pipe}
}

func (w *simWorld) delay() time.Duration {
	return w.latency + time.Duration(w.rnd.Int64N(int64(w.latency)+1))
}

// size is how much goes at a time: mostly a little, at most most.
func (w *simWorld) size(most int) int {
	return 1 + w.rnd.IntN(min(most, 1<<(1+w.rnd.IntN(w.chunks))))
}

// A violation is what a simulation ends with when an invariant does not hold.
type simViolation string

func (w *simWorld) violation(format string, args ...any) {
	panic(simViolation(fmt.Sprintf(format, args...)))
}

// note adds to the trace.
func (w *simWorld) note(format string, args ...any) {
	if w.log != nil {
		w.log("%6d %12v  "+format, append([]any{w.step, w.now.Sub(time.Unix(1e9, 0))}, args...)...)
	}
}

// fold adds what the world is like to the trace.
func (w *simWorld) fold() {
	for _, d := range w.sides() {
		for _, v := range []uint64{d.pos, d.sent, d.flow.acked, d.Conn.session.in.pos, uint64(d.state), uint64(d.off), uint64(d.held())} {
			w.trace = (w.trace ^ v) * 0x100000001b3
		}
	}
	w.trace = (w.trace ^ uint64(w.now.UnixNano())) * 0x100000001b3
}

// append appends a frame with n random bytes of payload.
func (d *simSide) append(class packet.Class, h packet.Header, n int) {
	at := d.w.rnd.IntN(len(simNoise) - n)
	payload := simNoise[at : at+n : at+n]
	var fields []byte
	if h.Type == packet.TypeBody {
		fields = packet.AppendBody(nil, packet.BodyHead{Kind: packet.BodyMessage, ID: d.w.rnd.Uint64()})
	}
	if h.Type == packet.TypeData {
		fin := h.Flags == packet.FlagFIN
		taken, _, err := d.AppendData(h.Stream, payload, fin, nil)
		if err != nil {
			return
		}
		payload = payload[:taken]
		if taken < n {
			h.Flags = 0
		}
	} else if _, err := d.Append(class, h, fields, payload, nil, nil); err != nil {
		return
	}
	h.Length = len(fields) + len(payload)
	d.lane.appended(class, h, simSum(append(fields, payload...)))
	d.budget -= packet.HeaderLen + h.Length
}

// speak appends a frame of any kind.
func (w *simWorld) speak(d *simSide) {
	if d.budget <= 0 {
		return
	}
	n := w.rnd.IntN(1 << (1 + w.rnd.IntN(w.lengths)))
	class := packet.Class(w.rnd.IntN(3))
	h := packet.Header{Stream: simStream(class)}
	switch class {
	case packet.Control:
		if d.unacknowledged() > d.flow.replay+replayMargin/2 || d.control.bytes() > controlBound {
			return // its writers would wait
		}
		switch w.rnd.IntN(3) {
		case 0:
			h.Type, n = packet.TypeCredit, 8
		case 1:
			h.Type, n = packet.TypeReset, min(4+n, 260)
		case 2:
			h.Type = packet.Type(200 + w.rnd.IntN(3))
		}
	case packet.Messages:
		if d.messages.bytes() > queueBound {
			return
		}
		switch w.rnd.IntN(3) {
		case 0:
			h.Type, n = packet.TypeOpened, 0
		case 1:
			h.Type, n = packet.TypeMessage, 32+min(n, packet.MaxPayload-32)
		case 2:
			h.Type, n = packet.TypeRequest, 34+min(n, packet.MaxPayload-34)
		}
	default:
		if d.bulk.bytes() > queueBound {
			return
		}
		switch w.rnd.IntN(4) {
		case 0:
			h.Type, n = packet.TypeBody, 1+min(n, packet.MaxPayload-packet.BodyHeadLen-1)
			h.Flags = packet.Flags(w.rnd.IntN(2)) * packet.FlagMORE
		case 1:
			h.Type, h.Flags, n = packet.TypeMessage, packet.FlagMORE, 32+min(n, 1024)
		default:
			h.Type, n = packet.TypeData, max(1, n)
			if w.rnd.IntN(8) == 0 {
				h.Flags, n = packet.FlagFIN, w.rnd.IntN(2)*n
			}
		}
	}
	d.append(class, h, n)
}

// endStream appends an END.
func (w *simWorld) endStream(d *simSide) {
	if d.dead || d.said || d.budget <= 0 {
		return
	}
	d.budget -= packet.HeaderLen
	stream := simEndStream + w.rnd.Uint32N(1000)
	d.lane.ends = append(d.lane.ends, simEnd{stream, d.lane.queued})
	d.AppendEnd(stream)
}

// shutdown closes from one side.
func (w *simWorld) shutdown(d *simSide) {
	w.note("%s closes", d.name)
	d.Shutdown(3, "enough")
}
