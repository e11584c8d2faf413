package multiplexer

// A half is the state of one direction of a dialogue. Both directions run
// through the same three states, each apart from the other.
type half uint8

const (
	// flowing: bytes may come.
	flowing half = iota
	// finished: FIN was the last of the bytes; messages, calls and answers may
	// still come.
	finished
	// ended: END, or RESET: nothing comes any more, but a RESET behind END.
	ended
)

// A mark is a frame that moves a half on.
type mark uint8

const (
	markData mark = iota
	markFIN
	markEnd
	markReset
)

// step returns the state after m; ok is false where m cannot come in h.
func (h half) step(m mark) (next half, ok bool) {
	switch {
	case m == markReset:
		return ended, true
	case h == ended:
		return h, false
	case m == markEnd:
		return ended, true
	case h == finished:
		return h, false
	case m == markFIN:
		return finished, true
	}
	return h, true
}

func (h half) String() string {
	return [...]string{"flowing", "finished", "ended"}[h]
}
