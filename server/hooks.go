package server

import (
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

// clientID asks for the id of a client; 0 leaves it to the library.
func (h hooks) clientID(wanted uint64, meta []byte) (granted uint64, err error) {
	if h.delegate == nil {
		return 0, nil
	}
	err = h.try("GetClientID", func() (err error) {
		granted, err = h.delegate.GetClientID(wanted, meta)
		return err
	})
	return granted, err
}

// authorizeResume asks whether the session of old may go on over nc.
func (h hooks) authorizeResume(old *describer, nc net.Conn) error {
	d, ok := h.delegate.(delegate.ResumeAuthorizer)
	if !ok {
		return nil
	}
	return h.try("AuthorizeResume", func() error { return d.AuthorizeResume(old, nc) })
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
