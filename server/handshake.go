package server

import (
	"context"
	"net"
	"sync"

	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/packet"
)

// A handshake makes one connection an End, or hands it to the session that it
// goes on with.
type handshake struct {
	*setup
	ctx  context.Context
	nc   net.Conn
	desc *describer
	free func()

	in  *conn.Incoming
	who func() (identity, error) // asks once

	// Written before the connection is started, read by what it calls.
	holder *holder
	end    *application.End
}

// shake makes nc an End that runs, but for its Setup. It calls heard when the
// client has done its part, and free when nc counts no more: the session waits
// for its client, or is over and its ConnOffline has returned. On an error nc
// is closed and free is not called; but ErrSessionResumed means that nc carries
// the session of another End, and free is called as for that.
//
// ctx ends the wait for an End that is replaced; closing nc ends all else but
// the delegate's own time.
func (s *setup) shake(ctx context.Context, nc net.Conn, heard, free func()) (*application.End, error) {
	h := &handshake{
		setup: s, ctx: ctx, nc: nc, free: free,
		desc: &describer{local: nc.LocalAddr(), remote: nc.RemoteAddr()},
	}
	in, err := conn.Accept(nc, s.connConfig(h))
	if err != nil {
		return nil, err
	}
	heard()
	h.in, h.desc.meta = in, in.Meta
	h.who = sync.OnceValues(func() (identity, error) { return s.hooks.of(ctx, nc, in) })
	if err := h.resume(); err != nil {
		return nil, err
	}
	if err := h.admit(); err != nil {
		in.Refuse(err)
		return nil, err
	}
	return h.confirm()
}

// resume hands the connection to the session that its client wants to go on
// with, if there is one and it may: the error is ErrSessionResumed then. nil
// means to go on with a new session.
func (h *handshake) resume() error {
	id, ok := h.in.Resumes()
	if !ok {
		return nil
	}
	var (
		found *holder
		old   *conn.Conn
		allow func() error
	)
	if h.grace > 0 { // who grants no sessions goes on with none either
		found = h.sessions.find(h.ctx, id, h.in.ClientID)
	}
	if found != nil {
		old, _ = found.session.(*conn.Conn)
		allow = func() error { return h.allow(found) }
	}
	resumed, err := h.in.Resume(old, allow)
	if err != nil || !resumed {
		return err
	}
	found.carriedBy(h.free)
	return ErrSessionResumed
}

// allow tells whether a client that has the key of a session may go on with it.
func (h *handshake) allow(old *holder) error {
	who, err := h.who()
	if err != nil {
		return err
	}
	// A session that began without a name goes on without.
	if who != old.who && (who.named() || old.who.named()) {
		return errOtherIdentity
	}
	return h.hooks.authorizeResume(old.desc, h.nc)
}

// admit decides the client's id, holds it, and has ConnOnline agree.
func (h *handshake) admit() error {
	who, err := h.who()
	if err != nil {
		return err
	}
	wanted := h.in.ClientID
	granted, err := h.hooks.clientID(wanted, h.in.Meta)
	if err != nil {
		return err
	}
	switch {
	case granted != 0:
		wanted = granted
		if who == nobody {
			who = identity{source: byGrant}
		}
	case h.opts.ClientID != nil && *h.opts.ClientID != 0:
		wanted = *h.opts.ClientID
	}
	if wanted == 0 {
		h.holder = h.sessions.allocate(who)
	} else if h.holder, err = h.sessions.hold(h.ctx, wanted, who); err != nil {
		return err
	}
	h.desc.clientID = h.holder.id
	if err := h.hooks.online(h.desc); err != nil {
		h.holder.release()
		return err
	}
	return nil
}

// confirm tells the client that it is connected, and starts the End.
func (h *handshake) confirm() (*application.End, error) {
	h.in.Offer(func(offer *packet.Hello) {
		offer.PublisherKnown = h.sessions.publishers.Known(h.in.Peer().Publisher)
	})
	c, err := h.in.Confirm(h.holder.id)
	if err != nil {
		h.hooks.offline(h.desc)
		h.holder.release()
		return nil, err
	}
	h.in, h.who, h.ctx = nil, nil, nil // h lives as long as the End
	h.end = application.New(c, h.endConfig(c, h))
	h.holder.begin(h.desc, c, h.free)
	c.Start(&watched{h.end.Mux(), h.holder.end})
	h.holder.run()
	return h.end, nil
}

// watched calls over when the connection has ended for good.
type watched struct {
	*multiplexer.Multiplexer
	over func()
}

func (w *watched) HandleClosed(err error) {
	w.Multiplexer.HandleClosed(err)
	w.over()
}

// offline is the End's ConnOffline.
func (h *handshake) offline() {
	h.hooks.offline(h.desc)
	h.holder.release()
}

// suspended is called by the connection.
func (h *handshake) suspended(error) {
	h.end.Suspended()
	h.holder.suspended()
}

// resumed is called by the connection, after suspended.
func (h *handshake) resumed() {
	h.holder.resumed()
	h.end.Resumed()
}
