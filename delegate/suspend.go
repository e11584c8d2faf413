package delegate

// SuspendDelegate is implemented by delegates of either side that want to know
// what nobody needs to know: that an End has lost its connection and waits for
// another one, with everything that is in flight. It is found by type
// assertion.
//
// The two are called alternately, in this order, one at a time, on no goroutine
// that anything else waits for. If no connection comes in time, ConnOffline
// follows.
type SuspendDelegate interface {
	// ConnSuspended tells that the End's connection was lost.
	ConnSuspended(ConnDescriber)
	// ConnResumed tells that another connection carries the End, with nothing
	// lost.
	ConnResumed(ConnDescriber)
}
