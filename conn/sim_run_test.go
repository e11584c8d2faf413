package conn

import (
	"fmt"
	"runtime/debug"
	"time"
)

// simulate runs the world of one seed to its end.
func simulate(seed uint64, log func(string, ...any)) (w *simWorld, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("seed %d, step %d: %v", seed, w.step, p)
			if _, ok := p.(simViolation); !ok {
				err = fmt.Errorf("%w\n%s", err, debug.Stack())
			}
		}
	}()
	w = newSimWorld(seed, log)
	for range simSteps {
		w.act()
		w.check()
	}
	w.heal()
	return w, nil
}

// simSteps is how long faults happen.
const simSteps = 2500

// act is one step: one of many things happens.
func (w *simWorld) act() {
	d := w.sides()[w.rnd.IntN(2)]
	switch roll := w.rnd.IntN(1000); {
	case roll < w.cuts && w.server.resume.fruitless < fruitlessLimit-8:
		w.cut(d)
	case roll < 250:
		w.speak(d)
	case roll < 265:
		w.endStream(d)
	case roll < 275:
		d.owed += bit(d.budget > 0)
		d.Kick()
	case roll < 500:
		d.flush()
	case roll < 800:
		d.read()
	case roll < 810:
		d.sendBeat()
	case roll < 820:
		w.lie()
	case roll < 850:
		w.dial()
	case roll < 915:
		if !w.hear() {
			w.serve()
		}
	case roll < 920:
		if a := w.attempt; a != nil && (a.lost || w.server.resume.fruitless < fruitlessLimit-8) {
			w.giveUpAttempt()
		}
	case roll < 930:
		if d.farewellDue {
			d.sayFarewell()
		}
	case roll < 970:
		w.advance(w.now.Add(time.Duration(w.rnd.IntN(2000)) * time.Microsecond))
	case roll < 990:
		if !w.quick {
			w.advance(w.nextEvent())
		}
	default:
		if w.rnd.IntN(100) < w.closes {
			w.shutdown(d)
		}
	}
}

// check checks the invariants.
func (w *simWorld) check() {
	w.step++
	for _, d := range w.sides() {
		w.checkSide(d)
		for _, q := range []*queue{&d.control, &d.messages, &d.bulk} {
			if q.tail != nil {
				w.segments[q.tail] = true
			}
		}
	}
	w.fold()
}

// cut has something befall the transport of a side, or of an attempt.
func (w *simWorld) cut(d *simSide) {
	wire := d.wire
	if a := w.attempt; a != nil && w.rnd.IntN(2) == 0 {
		wire = a.wire
		a.lost = a.lost || w.rnd.IntN(2) == 0
	}
	ways := []*simPipe{&wire.up, &wire.down}
	if ways[0].broken && ways[1].broken {
		return
	}
	half := w.rnd.IntN(2)
	kinds := 5
	if w.quick {
		kinds = 3 // nobody has the time to notice silence
	}
	switch w.rnd.IntN(kinds) {
	case 0, 1, 2: // a reset; some of it arrives
		w.note("wire %d is cut", wire.number)
		for _, p := range ways {
			p.keep(w.rnd.IntN(len(p.bytes) + 1))
			p.ended, p.broken = true, true
		}
	case 3: // one way ends in order
		w.note("wire %d hangs up one way", wire.number)
		ways[half].ended, ways[half].broken = true, true
	case 4:
		w.note("wire %d falls silent", wire.number)
		w.count.holes++
		for i, p := range ways {
			if i == half || w.rnd.IntN(2) == 0 {
				p.keep(w.rnd.IntN(len(p.bytes) + 1))
				p.hole = true
			}
		}
	}
}

// advance lets the time pass, and every timer fire at its time.
func (w *simWorld) advance(until time.Time) {
	for {
		at := w.client.next(w.server.next(time.Time{}))
		if at.IsZero() || at.After(until) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		w.client.fire()
		w.server.fire()
	}
	if until.After(w.now) {
		w.now = until
	}
}

// nextEvent returns when something happens by itself, but no sooner than now.
func (w *simWorld) nextEvent() time.Time {
	at := w.client.next(w.server.next(time.Time{}))
	for _, d := range w.sides() {
		if due, ok := d.rx.arrives(); ok {
			at = sooner(at, due)
		}
	}
	for _, a := range w.attempts {
		at = sooner(at, a.at)
	}
	if a := w.attempt; a != nil && a.answered && !a.lost {
		at = sooner(at, a.answerAt)
	}
	if w.retryAt.After(w.now) {
		at = sooner(at, w.retryAt)
	}
	if at.Before(w.now) {
		return w.now
	}
	return at
}

const (
	simHealSteps = 200000
	simHealTime  = 10 * time.Minute
)

// heal is what comes when no fault happens any more: I10, everything comes to
// its end, and I8, nothing is left.
func (w *simWorld) heal() {
	w.note("nothing happens any more")
	w.chunks = 18
	early := false
	for _, d := range w.sides() {
		early = early || d.state != open && d.state != detached
	}
	w.count.closedEarly += bit(early)
	if !early {
		w.until("everything arrives", w.allArrived)
		first := w.sides()[w.rnd.IntN(2)]
		w.shutdown(first)
		if w.rnd.IntN(3) == 0 {
			w.shutdown(first.other)
		}
	} else if w.client.state == open || w.client.state == detached {
		w.shutdown(w.client)
	}
	w.until("the close", func() bool { return w.client.toldOver && w.server.toldOver })
	for _, d := range w.sides() {
		if !early && d.cause != nil {
			w.violation("I8 Close: %s ends with %v", d.name, d.cause)
		}
		if d.control.head != nil || d.messages.head != nil || d.bulk.head != nil || d.ring.bytes() != 0 || d.ends != nil {
			w.violation("I8 Close: %s keeps something", d.name)
		}
		w.count.bytes += d.pos
	}
	for s := range w.segments {
		if s.refs != 0 {
			w.violation("I8 Close: a segment has %d references", s.refs)
		}
	}
}

// allArrived tells whether everything that was appended has arrived and is
// acknowledged, and nothing that has happened is still to be noticed.
func (w *simWorld) allArrived() bool {
	for _, d := range w.sides() {
		if d.tx.hole || d.tx.broken || !d.carried || d.lane.open() || d.writing || d.flow.acked != d.pos || d.other.Conn.session.in.pos != d.pos {
			return false
		}
	}
	return true
}

// until lets both sides go on until done.
func (w *simWorld) until(what string, done func() bool) {
	w.note("until %s", what)
	end := w.now.Add(simHealTime)
	for i := 0; !done(); i++ {
		if i == simHealSteps || w.now.After(end) {
			w.violation("I10 Liveness: %s does not come: client %v, server %v", what, w.client.progress(), w.server.progress())
		}
		busy := w.hear()
		busy = w.serve() || busy
		for _, d := range w.sides() {
			busy = d.flush() || busy
			busy = d.read() || busy
			if d.farewellDue {
				d.sayFarewell()
				busy = true
			}
		}
		switch a := w.attempt; {
		case a != nil && a.lost:
			w.giveUpAttempt()
		case a == nil:
			w.dial()
		}
		if w.client.dead && !w.server.dead && !w.server.carried && w.judged == nil {
			w.server.giveUp(ErrGrace) // nobody comes any more
		}
		if !busy {
			w.advance(w.nextEvent())
		}
		w.check()
	}
}

func (d *simSide) progress() string {
	return fmt.Sprintf("%v carried %v pos %d sent %d acked %d received %d queued %d",
		d.state, d.carried, d.pos, d.sent, d.flow.acked, d.Conn.session.in.pos, d.control.bytes()+d.messages.bytes()+d.bulk.bytes())
}
