package conn

import (
	"reflect"
	"time"

	"github.com/singchia/geminio/packet"
)

// A simAttempt is one attempt of the client to go on over another transport:
// the handshake, whose packets may be late, lost, or answered to nobody.
type simAttempt struct {
	wire   *simWire
	resume packet.Resume
	at     time.Time // when the client's packet arrives
	lost   bool      // it, or the answer, never arrives

	answered bool
	verdict  packet.Verdict
	position uint64    // what the server has received
	answerAt time.Time // when the answer arrives
}

// dial begins an attempt. The client has no transport, and its reader has
// ended.
func (w *simWorld) dial() {
	c := w.client
	if c.carried || c.dead || w.attempt != nil || w.now.Before(w.retryAt) {
		return
	}
	c.epoch++
	a := &simAttempt{
		wire:   w.newWire(),
		resume: packet.Resume{Epoch: c.epoch, Position: c.Conn.session.in.pos},
		at:     w.now.Add(w.delay()),
	}
	w.attempt = a
	w.attempts = append(w.attempts, a)
	w.note("dial wire %d, epoch %d, position %d", a.wire.number, a.resume.Epoch, a.resume.Position)
}

// giveUpAttempt is when the client's attempt has failed, or has taken too
// long. Its packet may arrive yet.
func (w *simWorld) giveUpAttempt() {
	a := w.attempt
	if a == nil {
		return
	}
	hangUp(&a.wire.up, &a.wire.down, 0)
	w.attempt = nil
	if !a.answered && !a.lost && w.rnd.IntN(2) == 0 {
		a.at = a.at.Add(time.Duration(w.rnd.IntN(3000)) * time.Millisecond)
		w.count.late++
	}
	w.note("client gives up wire %d", a.wire.number)
}

// serve is one step of Incoming.Resume for the attempts that have arrived, one
// at a time. It tells whether it got anywhere.
func (w *simWorld) serve() bool {
	if w.judged != nil {
		return w.afterFence()
	}
	for i, a := range w.attempts {
		if a.answered || a.at.After(w.now) {
			continue
		}
		w.attempts = append(w.attempts[:i:i], w.attempts[i+1:]...)
		if a.lost {
			return true
		}
		w.judgeAttempt(a)
		return true
	}
	return false
}

// judgeAttempt is the first half of it. The proof was found right.
func (w *simWorld) judgeAttempt(a *simAttempt) {
	s := w.server
	stale, dead := a.resume.Epoch <= w.epoch, s.dead || s.state == closed
	before := s.snap()
	a.verdict = s.judge(w.now, a.resume)
	w.note("server judges wire %d, epoch %d: %v", a.wire.number, a.resume.Epoch, a.verdict)
	switch code := a.verdict.Code; {
	case dead != (code == packet.VerdictUnknown):
		w.violation("I6 Proof: a session that is over, %v, gives %v", dead, a.verdict)
	case dead:
	case stale != (code == packet.VerdictStale):
		w.violation("I4 Fence: epoch %d after %d gives %v", a.resume.Epoch, w.epoch, a.verdict)
	case stale:
		w.count.stale++
	case code == packet.VerdictRetryAfter:
		w.count.retry++
	case code != 0:
		w.violation("I6 Proof: %v of an honest client gives %v", a.resume, a.verdict)
	}
	if a.verdict.Code != 0 {
		w.requireSame(before)
		w.answer(a)
		hangUp(&a.wire.down, &a.wire.up, 0)
		return
	}
	w.epoch, w.judged = a.resume.Epoch, a
	if s.carried {
		w.count.fenced++
		s.lose(errFenced)
	}
}

// afterFence is the second half: nobody reads or writes the old transport.
func (w *simWorld) afterFence() bool {
	s, a := w.server, w.judged
	if s.carried {
		return false
	}
	w.judged = nil
	if s.dead {
		a.verdict.Code = packet.VerdictUnknown
		w.answer(a)
		return true
	}
	if !s.accepts(a.resume.Position) {
		w.violation("I6 Proof: position %d was good, and is not any more", a.resume.Position)
	}
	a.position = s.Conn.session.in.pos
	w.answer(a)
	if a.lost && w.rnd.IntN(2) == 0 {
		w.note("answer cannot be written")
		return true
	}
	w.resumed(s, a.wire, a.resume.Position)
	return true
}

func (w *simWorld) answer(a *simAttempt) {
	a.answered, a.answerAt = true, w.now.Add(a.wire.down.delay)
	if a.wire.down.broken {
		a.lost = true
	}
}

// hear is what Conn.Resume does with the answer, once it has arrived.
func (w *simWorld) hear() bool {
	a, c := w.attempt, w.client
	if a == nil || a.lost || !a.answered || a.answerAt.After(w.now) {
		return false
	}
	w.attempt = nil
	switch {
	case c.dead:
		hangUp(&a.wire.up, &a.wire.down, 0)
	case a.verdict.Code == 0:
		if !c.accepts(a.position) {
			w.violation("I2 Order: the server has %d, which the client cannot have sent", a.position)
		}
		w.resumed(c, a.wire, a.position)
	case a.verdict.Code == packet.VerdictRetryAfter:
		delay := time.Duration(a.verdict.DelayMS) * time.Millisecond
		if delay <= 0 || delay > fruitlessWindow+time.Millisecond {
			w.violation("the server asks for %v", delay)
		}
		w.retryAt = w.now.Add(delay)
	case a.verdict.Code == packet.VerdictUnknown:
		c.giveUp(ErrUnknown)
	default:
		w.violation("I10 Liveness: the newest attempt gives %v", a.verdict)
	}
	return true
}

// resumed is what Conn.carryOn does.
func (w *simWorld) resumed(d *simSide, wire *simWire, pos uint64) {
	w.note("%s goes on over wire %d from %d, has %d", d.name, wire.number, pos, d.Conn.session.in.pos)
	w.count.resumes++
	d.mu.Lock()
	d.attach(w.now, pos)
	if d.sent != pos || d.flow.acked != pos {
		w.violation("I2 Order: %s goes on from %d, %d is acknowledged, not %d", d.name, d.sent, d.flow.acked, pos)
	}
	if d.ackTold != d.received.Load() || d.resume.received != d.ackTold {
		w.violation("W29: %s has told %d, and takes it for %d", d.name, d.received.Load(), d.ackTold)
	}
	d.carryBy(wire)
	d.mu.Unlock()
	d.lane.checkRing(d)
}

// lie has the server judge what no honest client says, with a right proof. I6:
// it is refused, and nothing has changed.
func (w *simWorld) lie() {
	s := w.server
	if s.dead || s.state == closed || w.judged != nil {
		return
	}
	positions := []uint64{s.flow.acked - 1, s.pos + 1, s.flow.acked + 1, s.pos - 1, 0, 1<<64 - 1,
		s.flow.acked + w.rnd.Uint64N(s.pos-s.flow.acked+1)}
	lie := packet.Resume{Epoch: w.epoch + 1 + w.rnd.Uint32N(9), Position: positions[w.rnd.IntN(len(positions))]}
	want := packet.VerdictRefused
	if w.rnd.IntN(4) == 0 {
		lie = packet.Resume{Epoch: w.rnd.Uint32N(w.epoch + 1), Position: s.flow.acked}
		want = packet.VerdictStale
	} else if _, border := s.lane.at(lie.Position); border && lie.Position >= s.flow.acked && lie.Position <= s.pos {
		return // that is true
	}
	before := s.snap()
	if v := s.judge(w.now, lie); v.Code != want {
		w.violation("I6 Proof: %v gives %v", lie, v)
	}
	w.requireSame(before)
	w.count.lies++
	if c := w.client; !c.carried && !c.dead {
		bad := c.flow.acked + w.rnd.Uint64N(c.pos-c.flow.acked+2)
		if _, border := c.lane.at(bad); c.accepts(bad) != (border && bad <= c.pos) {
			w.violation("I6 Proof: the client would go on from %d: %v", bad, !border)
		}
	}
}

func (w *simWorld) requireSame(before snapshot) {
	if after := w.server.snap(); !reflect.DeepEqual(before, after) {
		w.violation("I6 Proof: a refused resume has changed the session from\n%+v\nto\n%+v", before, after)
	}
}
