package conn

import (
	"errors"
	"time"
)

var errSimWrite = errors.New("the transport takes nothing")

// fire has every timer fire that is due, and tells when the next one is.
func (d *simSide) fire() {
	now := d.w.now
	due := func(at *time.Time) bool {
		if at.IsZero() || at.After(now) {
			return false
		}
		*at = time.Time{}
		return true
	}
	if due(&d.ackAt) {
		d.mu.Lock()
		d.ackLate()
		d.mu.Unlock()
	}
	if due(&d.holdAt) {
		d.mu.Lock()
		d.kick()
		d.mu.Unlock()
	}
	if due(&d.beatAt) {
		d.beatAt = now.Add(d.life.interval)
		d.sendBeat()
	}
	if due(&d.lingerAt) {
		d.lose(errSimWrite)
	}
	if due(&d.lastReadAt) && d.reading {
		d.lose(errSimWrite)
	}
	if due(&d.lifeTimer) && !d.down {
		d.checkLife()
	}
}

// sendBeat is what Conn.beat does.
func (d *simSide) sendBeat() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || d.state == closed {
		return
	}
	d.life.beat = d.w.now
	if d.down {
		return
	}
	d.beatDue = true
	d.kick()
	if d.lifeTimer.Sub(d.w.now) > answerLeast {
		d.lifeTimer = d.w.now.Add(answerLeast)
	}
}

// checkLife is what Conn.checkLife does.
func (d *simSide) checkLife() {
	d.mu.Lock()
	now := d.w.now
	p := d.life.next(now, vitals{d.heardAt(), d.waiting, d.flow.rtt})
	if p.ask {
		d.askDue = true
		d.kick()
	}
	if !p.dead {
		d.lifeTimer = now.Add(p.again)
	}
	d.mu.Unlock()
	if p.dead {
		d.w.count.silent++
		d.lose(ErrDead)
	}
}

// next returns the earliest timer.
func (d *simSide) next(earliest time.Time) time.Time {
	for _, at := range []time.Time{d.ackAt, d.beatAt, d.lifeTimer, d.lingerAt, d.lastReadAt, d.holdAt} {
		earliest = sooner(earliest, at)
	}
	return earliest
}

// sooner returns the earlier one; the zero time is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
