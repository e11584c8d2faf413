package client

import (
	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio/options"
)

// A setup is what a constructor was asked for, resolved. It is immutable.
type setup struct {
	opts   *EndOptions
	limits *options.Limits
	log    log.Logger
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
	return &setup{opts: o, limits: &limits, log: logger}, nil
}

// wantedID is the id that the program asks for, 0 for none.
func (s *setup) wantedID() uint64 {
	if s.opts.ClientID == nil {
		return 0
	}
	return *s.opts.ClientID
}
