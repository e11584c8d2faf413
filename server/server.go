package server

import (
	"net"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio/options"
)

// Listen listens on the address of the named network ("tcp", "unix" and the
// other stream networks of net.Listen) and makes every connection an End. It
// fails as net.Listen does, or where the limits in opts contradict each other.
func Listen(network, address string, opts ...*EndOptions) (Listener, error) {
	s, err := newSetup(opts)
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
// closes it; where NewListener fails, for the limits in opts, it is closed at
// once.
func NewListener(ln net.Listener, opts ...*EndOptions) (Listener, error) {
	s, err := newSetup(opts)
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
	registry *registry
}

func newSetup(opts []*EndOptions) (*setup, error) {
	o := MergeEndOptions(opts...)
	limits, err := o.Limits.WithDefaults()
	if err != nil {
		return nil, err
	}
	logger := o.Log
	if logger == nil {
		logger = log.DefaultLog
	}
	return &setup{
		opts: o, limits: limits, log: logger,
		hooks:    hooks{delegate: o.Delegate, log: logger},
		registry: newRegistry(),
	}, nil
}
