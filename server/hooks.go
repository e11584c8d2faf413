package server

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
)

// A describer tells the delegate of an End, before there is one and after it
// is over.
type describer struct {
	clientID      uint64
	meta          []byte
	local, remote net.Addr
}

var _ delegate.ConnDescriber = (*describer)(nil)

func (d *describer) ClientID() uint64     { return d.clientID }
func (d *describer) Meta() []byte         { return d.meta }
func (d *describer) LocalAddr() net.Addr  { return d.local }
func (d *describer) RemoteAddr() net.Addr { return d.remote }
func (d *describer) Side() geminio.Side   { return geminio.RecipientSide }

// hooks asks and tells the server's delegate. Without one it agrees to
// everything. A panic of the delegate is logged and becomes an error.
type hooks struct {
	delegate delegate.ServerDelegate // or nil
	log      log.Logger
}

// identify decides the id of a client and holds it. What the delegate grants
// is the client's identity: whoever has the id is the same client. Everybody
// else gets an id that is free.
func (h hooks) identify(ctx context.Context, r *registry, fixed *uint64, wanted uint64, meta []byte) (*holder, error) {
	if h.delegate != nil {
		var granted uint64
		err := h.try("GetClientID", func() (err error) {
			granted, err = h.delegate.GetClientID(wanted, meta)
			return err
		})
		if err != nil {
			return nil, err
		}
		if granted != 0 {
			return r.takeOver(ctx, granted)
		}
	}
	if fixed != nil && *fixed != 0 {
		wanted = *fixed
	}
	if wanted != 0 {
		return r.claim(wanted)
	}
	return r.allocate(), nil
}

func (h hooks) online(d *describer) error {
	if h.delegate == nil {
		return nil
	}
	return h.try("ConnOnline", func() error { return h.delegate.ConnOnline(d) })
}

func (h hooks) offline(d *describer) {
	h.tell("ConnOffline", d, func() error { return h.delegate.ConnOffline(d) })
}

func (h hooks) heartbeat(d *describer) {
	h.tell("Heartbeat", d, func() error { return h.delegate.Heartbeat(d) })
}

// tell runs a callback whose error concerns nobody but the log.
func (h hooks) tell(name string, d *describer, callback func() error) {
	if h.delegate == nil {
		return
	}
	if err := h.try(name, callback); err != nil {
		h.log.Debugf("client %d: %s: %v", d.clientID, name, err)
	}
}

// try runs a callback. The peer may see the error, so what a panic says goes
// to the log alone.
func (h hooks) try(name string, callback func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			h.log.Errorf("%s panic: %v\n%s", name, v, debug.Stack())
			err = fmt.Errorf("%s panic", name)
		}
	}()
	return callback()
}
