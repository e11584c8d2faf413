package multiplexer

import "time"

// A deadline is that of one direction of a dialogue, guarded by its lock. The
// timer is made with the first deadline and kept. A nil *deadline never passes.
type deadline struct {
	at      time.Time
	timer   *time.Timer
	expired bool
}

// set moves the deadline to t; zero is none. fire is called, on a goroutine of
// its own, when it may have passed; it calls due. It returns whether t has
// passed already.
func (d *deadline) set(t time.Time, fire func()) bool {
	d.at, d.expired = t, false
	if t.IsZero() {
		if d.timer != nil {
			d.timer.Stop()
		}
		return false
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		if d.timer != nil {
			d.timer.Stop()
		}
		return true
	}
	if d.timer == nil {
		d.timer = time.AfterFunc(left, fire)
	} else {
		d.timer.Reset(left)
	}
	return false
}

// due notes whether the deadline has passed: the timer may be that of an older
// one.
func (d *deadline) due(now time.Time) bool {
	d.expired = !d.at.IsZero() && !now.Before(d.at)
	return d.expired
}

// passed tells whether that was noted.
func (d *deadline) passed() bool { return d != nil && d.expired }

// stop ends the timer.
func (d *deadline) stop() {
	if d == nil {
		return
	}
	d.at = time.Time{}
	if d.timer != nil {
		d.timer.Stop()
	}
}
