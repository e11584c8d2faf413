package application

import (
	"sync"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
)

// startWithin is how long a request waits to be started before it is answered
// busy, if its caller does not give up before: so chains of calls that wait
// for each other come to an end.
const startWithin = 5 * time.Second

// A stage says how far a request of the peer has come.
type stage uint8

const (
	// stageNew: it does not count yet.
	stageNew stage = iota
	// stageArriving: its content is not complete.
	stageArriving
	// stageWaiting: complete, as many as allowed are running.
	stageWaiting
	// stageRunning: its handler runs, or has returned and is being answered.
	stageRunning
	// stageRefused: it waited too long and is being answered busy.
	stageRefused
	// stageGone: nothing of it counts any more.
	stageGone
)

// A serveQueue holds the requests of the peer on one connection, from their
// first byte until their handlers have returned, and what the peer may send of
// them. It also counts the answers to our calls.
type serveQueue struct {
	// immutable
	most  int    // how many run at once
	count uint64 // how many may be in the queue
	owe   func() // is called with mu held when a CREDIT_CALL is due

	mu sync.Mutex
	// mu guards
	running     int
	first, last *served // those that wait, the oldest first

	limit, received, returned uint64 // of the number of requests
	blocked                   bool

	requestBytes  credit.Window
	responseBytes credit.Window
}

// receive counts a request whose content is to come.
func (q *serveQueue) receive(sv *served) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.receiveLocked(sv)
}

func (q *serveQueue) receiveLocked(sv *served) error {
	if err := q.countOne(sv.window); err != nil {
		return err
	}
	sv.stage = stageArriving
	return nil
}

// countOne counts a request with n bytes of window. mu is held.
func (q *serveQueue) countOne(n int) error {
	if q.received == q.limit {
		return errTooManyRequests
	}
	if err := q.requestBytes.Receive(n); err != nil {
		return err
	}
	q.received++
	return nil
}

// accept is receive and admit for a request that came whole.
func (q *serveQueue) accept(sv *served) error {
	q.mu.Lock()
	if sv.stage == stageGone { // withdrawn before it counted
		defer q.mu.Unlock()
		return q.discardLocked(sv.window)
	}
	err := q.receiveLocked(sv)
	if err != nil {
		q.mu.Unlock()
		return err
	}
	q.admitLocked(sv)
	return nil
}

// admit is for a request whose content is complete. It starts it or lets it
// wait.
func (q *serveQueue) admit(sv *served) {
	q.mu.Lock()
	q.admitLocked(sv)
}

// admitLocked is admit with mu held, which it unlocks.
func (q *serveQueue) admitLocked(sv *served) {
	if sv.stage != stageArriving {
		q.mu.Unlock()
		return // withdrawn meanwhile
	}
	if q.running < q.most {
		q.start(sv)
		q.mu.Unlock()
		e := sv.stream.end
		e.batch.starting = append(e.batch.starting, sv)
		return
	}
	q.push(sv)
	within := startWithin
	if deadline, ok := sv.ctx.Deadline(); ok {
		within = min(within, time.Until(deadline))
	}
	sv.timer = time.AfterFunc(within, sv.busy)
	q.mu.Unlock()
}

// start makes sv run. mu is held.
func (q *serveQueue) start(sv *served) {
	q.running++
	sv.stage = stageRunning
	q.consume(sv)
}

// consume gives the room of sv's content back: the application has it now, or
// nobody. mu is held.
func (q *serveQueue) consume(sv *served) {
	if sv.body != nil && sv.body.memory != nil {
		sv.body.memory.free(&sv.body.announced)
	} else {
		q.requestBytes.Consume(sv.size)
	}
	q.raise()
}

// leave says that sv is answered, or needs no answer. The oldest that waits
// takes its place.
func (q *serveQueue) leave(sv *served) {
	q.mu.Lock()
	if sv.stage == stageRunning {
		q.running--
	}
	q.give(sv)
	next := q.first
	if next != nil && q.running < q.most {
		q.remove(next)
		next.timer.Stop()
		q.start(next)
	} else {
		next = nil
	}
	q.mu.Unlock()
	if next != nil {
		next.stream.end.work.Go(next)
	}
}

// refuse takes sv out of those that wait, to be answered busy.
func (q *serveQueue) refuse(sv *served) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if sv.stage != stageWaiting {
		return false
	}
	q.remove(sv)
	sv.stage = stageRefused
	q.consume(sv)
	return true
}

// drop forgets sv if it does not run: it is withdrawn, or its stream is over.
func (q *serveQueue) drop(sv *served) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch sv.stage {
	case stageWaiting:
		q.remove(sv)
		sv.timer.Stop()
	case stageArriving:
	case stageNew:
		sv.stage = stageGone
		return
	default:
		return
	}
	q.consume(sv)
	q.give(sv)
}

// discard counts a request that nobody will see.
func (q *serveQueue) discard(n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.discardLocked(n)
}

// discardLocked is discard with mu held.
func (q *serveQueue) discardLocked(n int) error {
	if err := q.countOne(n); err != nil {
		return err
	}
	q.requestBytes.Consume(n)
	q.returned++
	q.raise()
	return nil
}

// give returns the credit of one request. mu is held.
func (q *serveQueue) give(sv *served) {
	sv.stage = stageGone
	q.returned++
	q.raise()
}

// receiveResponse counts an announced answer of n bytes.
func (q *serveQueue) receiveResponse(n int) error {
	if n <= packet.FreeResponse {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.responseBytes.Receive(n)
}

// consumeResponse says that a call whose answer had n bytes is over.
func (q *serveQueue) consumeResponse(n int) {
	if n <= packet.FreeResponse {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.responseBytes.Consume(n)
	q.raise()
}

// setBlocked notes that the peer waits for credit.
func (q *serveQueue) setBlocked(b packet.Blocked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch b.What {
	case packet.BlockedRequests:
		q.blocked = b.At == q.limit
	case packet.BlockedRequestBytes:
		q.requestBytes.SetBlocked(b.At)
	case packet.BlockedResponseBytes:
		q.responseBytes.SetBlocked(b.At)
	}
	q.raise()
}

// countDue tells whether the number of requests should be raised: half of it
// is given back, or the peer waits for one.
func (q *serveQueue) countDue() bool {
	open := q.limit - q.returned
	return open <= q.count/2 || q.blocked && open < q.count
}

// raise asks for a CREDIT_CALL where one is due. mu is held.
func (q *serveQueue) raise() {
	if q.countDue() || q.requestBytes.Due() || q.responseBytes.Due() {
		q.owe()
	}
}

// take returns the limits that the peer must be told, if there are new ones.
// send is called with mu held, so that no older limits follow newer ones.
func (q *serveQueue) take(now time.Time, rtt time.Duration, send func(packet.CreditCall)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := q.countDue()
	if due {
		q.limit, q.blocked = q.returned+q.count, false
	}
	_, requests := q.requestBytes.Raise(now, rtt)
	_, responses := q.responseBytes.Raise(now, rtt)
	if due || requests || responses {
		send(packet.CreditCall{
			Requests:      q.limit,
			RequestBytes:  q.requestBytes.Limit(),
			ResponseBytes: q.responseBytes.Limit(),
		})
	}
}

func (q *serveQueue) push(sv *served) {
	sv.stage = stageWaiting
	sv.prev, sv.next = q.last, nil
	if q.last == nil {
		q.first = sv
	} else {
		q.last.next = sv
	}
	q.last = sv
}

func (q *serveQueue) remove(sv *served) {
	if sv.prev == nil {
		q.first = sv.next
	} else {
		sv.prev.next = sv.next
	}
	if sv.next == nil {
		q.last = sv.prev
	} else {
		sv.next.prev = sv.prev
	}
	sv.prev, sv.next = nil, nil
}
