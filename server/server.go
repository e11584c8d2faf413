package server

import (
	"net"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio/options"
)

// Listen listens on the address of the named network ("tcp", "unix" and the
// other stream networks of net.Listen) and makes every connection an End. It
// fails as net.Listen does, or where limits or the grace in opts are not
// possible.
func Listen(network, address string, opts ...*EndOptions) (Listener, error) {
	s, err := newSetup(opts, true)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return newListener(ln, s), nil
}

// NewListener is Listen on a listener that the caller made, of whatever kind:
// TLS, in memory, handed over by the system. It becomes the Listener's, which
// closes it; where NewListener fails, for opts, it is closed at once.
func NewListener(ln net.Listener, opts ...*EndOptions) (Listener, error) {
	s, err := newSetup(opts, true)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return newListener(ln, s), nil
}

// A setup is what the Ends of one listener have in common. It is immutable.
type setup struct {
	opts     *EndOptions
	limits   options.Limits
	log      log.Logger
	hooks    hooks
	sessions *Sessions
	grace    time.Duration // how long a session waits for its client; 0: it does not
}

// newSetup resolves opts. Where many is false, what they make is one End.
func newSetup(opts []*EndOptions, many bool) (*setup, error) {
	o := MergeEndOptions(opts...)
	limits, err := o.Limits.WithDefaults()
	if err != nil {
		return nil, err
	}
	grace, err := o.resumeGrace()
	if err != nil {
		return nil, err
	}
	sessions := o.Sessions
	if sessions == nil {
		sessions = NewSessions()
		if !many {
			grace = 0 // nobody else knows the session
		}
	}
	logger := o.Log
	if logger == nil {
		logger = log.DefaultLog
	}
	return &setup{
		opts: o, limits: limits, log: logger,
		hooks:    hooks{delegate: o.Delegate, log: logger},
		sessions: sessions, grace: grace,
	}, nil
}
