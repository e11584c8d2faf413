package conn

import (
	"sync"
	"time"

	"github.com/singchia/go-timer/v2"
)

// beat has a PING go out, whatever else is sent.
func (c *Conn) beat() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.state == closed {
		return
	}
	now := time.Now()
	c.life.beat = now
	if c.down {
		return
	}
	c.beatDue = true
	c.kick()
	if c.life.eager && c.lifeAt.Sub(now) > answerLeast {
		c.setLife(now, now.Add(answerLeast))
	}
}

// setLife has checkLife called at a time. The mutex is held.
func (c *Conn) setLife(now, at time.Time) {
	c.lifeAt = at
	if c.lifeTimer == nil {
		c.lifeTimer = time.AfterFunc(at.Sub(now), c.checkLife)
		return
	}
	c.lifeTimer.Reset(at.Sub(now))
}

// watchLife sees to it that a peer that does not acknowledge is suspected in
// time. The mutex is held.
func (c *Conn) watchLife(now time.Time) {
	if !c.waiting.IsZero() && c.lifeAt.Sub(now) > suspectAfter {
		c.setLife(now, now.Add(suspectAfter))
	}
}

// checkLife looks, on the runtime's timer, whether the peer lives and whether
// the beat does.
func (c *Conn) checkLife() {
	c.mu.Lock()
	if c.down {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	p := c.life.next(now, vitals{c.born.Add(time.Duration(c.heard.Load())), c.waiting, c.flow.rtt})
	if p.ask {
		c.askDue = true
		c.kick()
	}
	if !p.dead {
		c.setLife(now, now.Add(p.again))
	}
	b, t := c.beater, c.transport
	c.mu.Unlock()
	switch {
	case p.dead:
		c.lose(t, ErrDead)
	case p.missed:
		b.fallBack()
	}
}

// A beater calls beat at an interval, on the timer that the user gave as long
// as that works, then on the runtime's for good. The user may share his timer
// among thousands of connections, and close or pause it under them: neither
// Add nor Cancel is called with a lock held or on the reader.
type beater struct {
	interval time.Duration
	timer    timer.Timer
	tick     timer.Tick

	mu       sync.Mutex
	beat     func() // nil once stopped
	fellBack bool
	runtime  *time.Timer
}

func newBeater(t timer.Timer, interval time.Duration, beat func()) *beater {
	return &beater{interval: interval, timer: t, beat: beat}
}

func (b *beater) start() {
	if b.timer == nil {
		b.fallBack()
		return
	}
	tick := b.timer.Add(b.interval, timer.WithCyclically(), timer.WithHandler(b.handle))
	b.mu.Lock()
	b.tick = tick
	stopped := b.beat == nil
	b.mu.Unlock()
	if stopped {
		b.cancel(tick)
	}
}

// handle is called by the user's timer.
func (b *beater) handle(e *timer.Event) {
	if e.Error != nil {
		b.fallBack()
		return
	}
	b.mu.Lock()
	beat := b.beat
	if b.fellBack {
		beat = nil
	}
	b.mu.Unlock()
	if beat != nil {
		beat()
	}
}

// fallBack moves to the runtime's timer. If there was another one, it has
// failed and a beat may be late: one goes out at once.
func (b *beater) fallBack() {
	b.mu.Lock()
	if b.beat == nil || b.fellBack {
		b.mu.Unlock()
		return
	}
	b.fellBack = true
	b.runtime = time.AfterFunc(b.interval, b.onRuntime)
	beat := b.beat
	b.mu.Unlock()
	if b.timer != nil {
		beat()
	}
}

func (b *beater) onRuntime() {
	b.mu.Lock()
	beat := b.beat
	if beat != nil {
		b.runtime.Reset(b.interval)
	}
	b.mu.Unlock()
	if beat != nil {
		beat()
	}
}

// stop ends the beat. It does not wait.
func (b *beater) stop() {
	b.mu.Lock()
	b.beat = nil
	if b.runtime != nil {
		b.runtime.Stop()
	}
	tick := b.tick
	b.mu.Unlock()
	if tick != nil {
		b.cancel(tick)
	}
}

// cancel takes the tick back on a goroutine of its own, since that waits for
// the user's timer.
func (b *beater) cancel(tick timer.Tick) {
	go func() { _ = tick.Cancel() }() // a timer that is closed has no tick any more
}

// beatsPending is how many beats may wait for the user's callback; more are
// dropped, since a peer that floods must not make a queue.
const beatsPending = 8

// beatCalls calls the user's function for each beat of the peer, one call at a
// time, on a goroutine that exists while there are any.
type beatCalls struct {
	call func()

	mu      sync.Mutex
	pending int
	running bool
}

func (b *beatCalls) add() {
	if b.call == nil {
		return
	}
	b.mu.Lock()
	if b.pending < beatsPending {
		b.pending++
	}
	start := !b.running
	b.running = true
	b.mu.Unlock()
	if start {
		go b.run()
	}
}

func (b *beatCalls) run() {
	for {
		b.mu.Lock()
		if b.pending == 0 {
			b.running = false
			b.mu.Unlock()
			return
		}
		b.pending--
		b.mu.Unlock()
		b.call()
	}
}
