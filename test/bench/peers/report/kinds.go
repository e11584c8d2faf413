package report

import "strings"

const ours = "geminio"

// kind says what a peer is to the reader.
type kind int

const (
	library kind = iota
	us
	original // the release whose API this is
	limit    // no library: what the machine has to give
	broker   // a library whose messages pass a broker, for reference
)

func kindOf(peer string) kind {
	switch {
	case peer == ours:
		return us
	case strings.HasSuffix(peer, "(original)"):
		return original
	case peer == "tcp", strings.HasPrefix(peer, "floor"):
		return limit
	case strings.HasPrefix(peer, "nats"), strings.HasPrefix(peer, "jetstream"):
		return broker
	}
	return library
}

// rival says whether a peer can be the best of the others.
func (k kind) rival() bool { return k == library || k == original || k == broker }

// label is the name with its mark.
func label(peer string) string {
	if kindOf(peer) == broker {
		return peer + " †"
	}
	return peer
}
