package conn

// A state is where a connection is in its life.
type state uint8

const (
	// handshaking: the two first packets are under way; no frame exists yet.
	handshaking state = iota
	// open: frames flow both ways.
	open
	// closingByUs: this side has said CLOSE, or will when everything before it
	// is out. It still reads, and waits for CLOSED.
	closingByUs
	// closingByThem: the peer has said CLOSE and all it had to say before. The
	// layers above are saying their farewells; then CLOSED is due.
	closingByThem
	// closingByBoth: both have said CLOSE, and neither has confirmed the
	// other's.
	closingByBoth
	// detached: nothing carries the session, which was open. It goes on when
	// something does.
	detached
	// detachedByUs: the same, closing by us.
	detachedByUs
	// detachedByThem: the same, closing by them.
	detachedByThem
	// detachedByBoth: the same, closing by both.
	detachedByBoth
	// closed: nothing is left to be said. What is queued still goes out if the
	// end was in order.
	closed

	stateCount
)

// An event is what moves a connection on.
type event uint8

const (
	established   event = iota // the handshake is done
	closeAsked                 // the layer above closes
	closeReceived              // CLOSE came in
	closedGot                  // CLOSED came in
	farewellSaid               // the layers above are done with the peer's CLOSE
	cut                        // the transport failed or the peer died, and the session can go on without
	resumed                    // another transport carries it
	lost                       // the transport failed, the peer died, broke a rule, or did not come back

	eventCount
)

// An effect is what a step obliges the connection to do: a set of bits.
type effect uint8

const (
	sendClose   effect = 1 << iota // queue CLOSE after all else
	sendClosed                     // queue CLOSED after all else
	notifyClose                    // tell the layer above that the peer closes
	finish                         // write what is queued, then end the transport
	abort                          // end the transport at once
)

type transition struct {
	next    state
	effects effect
	legal   bool
}

func to(next state, effects ...effect) transition {
	t := transition{next: next, legal: true}
	for _, e := range effects {
		t.effects |= e
	}
	return t
}

// transitions is the whole machine; what is absent is illegal. A closed
// connection takes every event and does nothing.
var transitions = [stateCount][eventCount]transition{
	handshaking: {
		established: to(open),
		lost:        to(closed, abort),
	},
	open: {
		closeAsked:    to(closingByUs, sendClose),
		closeReceived: to(closingByThem, notifyClose),
		cut:           to(detached),
		lost:          to(closed, abort),
	},
	closingByUs: {
		closeAsked:    to(closingByUs),
		closeReceived: to(closingByBoth, notifyClose),
		closedGot:     to(closed, finish),
		cut:           to(detachedByUs),
		lost:          to(closed, abort),
	},
	closingByThem: {
		closeAsked:   to(closingByThem),
		farewellSaid: to(closed, sendClosed, finish),
		cut:          to(detachedByThem),
		lost:         to(closed, abort),
	},
	closingByBoth: {
		closeAsked:   to(closingByBoth),
		closedGot:    to(closingByThem),
		farewellSaid: to(closingByUs, sendClosed),
		cut:          to(detachedByBoth),
		lost:         to(closed, abort),
	},
	detached: {
		closeAsked: to(detachedByUs, sendClose),
		resumed:    to(open),
		lost:       to(closed, abort),
	},
	detachedByUs: {
		closeAsked: to(detachedByUs),
		resumed:    to(closingByUs),
		lost:       to(closed, abort),
	},
	detachedByThem: { // all that is left to be said is CLOSED: the peer finds the session gone instead
		closeAsked:   to(detachedByThem),
		farewellSaid: to(closed, abort),
		resumed:      to(closingByThem),
		lost:         to(closed, abort),
	},
	detachedByBoth: {
		closeAsked:   to(detachedByBoth),
		farewellSaid: to(detachedByUs, sendClosed),
		resumed:      to(closingByBoth),
		lost:         to(closed, abort),
	},
	closed: {
		established:   to(closed),
		closeAsked:    to(closed),
		closeReceived: to(closed),
		closedGot:     to(closed),
		farewellSaid:  to(closed),
		cut:           to(closed),
		resumed:       to(closed),
		lost:          to(closed),
	},
}

// step returns the state after e and what is to be done; ok is false where e
// cannot happen in s, which is a protocol error if the peer caused it.
func (s state) step(e event) (next state, effects effect, ok bool) {
	t := transitions[s][e]
	if !t.legal {
		return s, 0, false
	}
	return t.next, t.effects, true
}

var stateNames = [stateCount]string{
	"handshaking", "open", "closing by us", "closing by them", "closing by both",
	"detached", "detached, closing by us", "detached, closing by them", "detached, closing by both", "closed",
}

func (s state) String() string { return stateNames[s] }

var eventNames = [eventCount]string{
	"established", "close asked", "CLOSE received", "CLOSED received", "farewell said", "cut", "resumed", "lost",
}

func (e event) String() string { return eventNames[e] }

var effectNames = []struct {
	bit  effect
	name string
}{
	{sendClose, "send CLOSE"}, {sendClosed, "send CLOSED"}, {notifyClose, "notify"},
	{finish, "finish"}, {abort, "abort"},
}

func (e effect) String() string {
	s := ""
	for _, n := range effectNames {
		if e&n.bit != 0 {
			if s != "" {
				s += ", "
			}
			s += n.name
		}
	}
	return s
}
