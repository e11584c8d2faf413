// Package outlet delivers outcomes to channels of the user, whose readers may
// lag behind, without ever waiting for them.
package outlet

import (
	"sync"
	"time"
)

// lastChance is how long the reader of a channel may take for each outcome
// once Ended is closed.
const lastChance = 5 * time.Second

// Outlets delivers outcomes to the channels of their callers: what a channel
// has no room for is handed on in order by a goroutine that lives while there
// is something left. The zero value is ready for use; it waits for readers for
// ever. All methods may be called concurrently.
type Outlets[T any] struct {
	// Ended is closed when nothing more is to come: then a reader has 5 s for
	// each outcome, before the rest of its channel is dropped. It is set before
	// the first Deliver, or nil for never.
	Ended <-chan struct{}

	mu sync.Mutex
	// mu guards
	waiting map[chan T]*[]T // channels with a goroutine, and what it has left
}

// Deliver sends v to ch, now or later, and never blocks. What is delivered to
// one channel keeps its order. A channel that its owner has closed loses v.
func (o *Outlets[T]) Deliver(ch chan T, v T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if queue := o.waiting[ch]; queue != nil {
		*queue = append(*queue, v)
		return
	}
	if trySend(ch, v) {
		return
	}
	if o.waiting == nil {
		o.waiting = make(map[chan T]*[]T)
	}
	queue := &[]T{v}
	o.waiting[ch] = queue
	go o.handOn(ch, queue)
}

// trySend sends v if ch has room. It reports true too where ch is closed.
func trySend[T any](ch chan T, v T) (sent bool) {
	defer func() {
		if recover() != nil {
			sent = true
		}
	}()
	select {
	case ch <- v:
		return true
	default:
		return false
	}
}

// handOn sends what is queued for ch. It waits for the reader of ch, and ends
// when the queue is empty, or when Ended is closed and nobody has read for
// lastChance.
func (o *Outlets[T]) handOn(ch chan T, queue *[]T) {
	for {
		o.mu.Lock()
		if len(*queue) == 0 {
			delete(o.waiting, ch)
			o.mu.Unlock()
			return
		}
		v := (*queue)[0]
		*queue = (*queue)[1:]
		o.mu.Unlock()
		if !o.send(ch, v) {
			o.mu.Lock()
			delete(o.waiting, ch)
			o.mu.Unlock()
			return
		}
	}
}

// send waits until ch has taken v. It returns false when nobody will take it.
func (o *Outlets[T]) send(ch chan T, v T) (sent bool) {
	defer func() {
		if recover() != nil {
			sent = false // ch is closed
		}
	}()
	select {
	case ch <- v:
		return true
	case <-o.Ended:
	}
	timer := time.NewTimer(lastChance)
	defer timer.Stop()
	select {
	case ch <- v:
		return true
	case <-timer.C:
		return false
	}
}
