package server

import (
	"context"
	"net"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
)

// ServerEnd is an End of a server under a name of its own. NewEndWithConn and
// AcceptEnd return the End itself.
type ServerEnd struct{ geminio.End }

// NewEndWithConn does the server's part of the handshake on conn and returns
// the End. It waits for what the client must send as long as Limits allow, for
// the delegate's GetClientID and ConnOnline and for the methods of
// SetWaitRemoteRPCs without limit, and in any case no longer than the
// connection lives.
//
// On an error conn is closed: the error is the delegate's if it refused the
// client, who gets its text, and geminio.ErrProtocolVersion if the client
// speaks no protocol that this side does. Nobody's id is looked at but this
// connection's: what two Ends have in common, a Listener sees to.
func NewEndWithConn(conn net.Conn, opts ...*EndOptions) (geminio.End, error) {
	s, err := newSetup(opts)
	if err != nil {
		conn.Close()
		return nil, err
	}
	end, err := s.handshake(context.Background(), conn, func() {}, func() {})
	if err != nil {
		return nil, err
	}
	if err := end.Setup(); err != nil {
		end.Close()
		return nil, err
	}
	return end, nil
}

// handshake makes nc an End that runs, but for its Setup. It calls heard when
// the client has done its part, and has ended called when the End's
// ConnOffline has returned. On an error nc is closed and ended is not called.
// ctx ends the wait for an End that is replaced; closing nc ends all else but
// the delegate's own time.
func (s *setup) handshake(ctx context.Context, nc net.Conn, heard, ended func()) (*application.End, error) {
	desc := &describer{local: nc.LocalAddr(), remote: nc.RemoteAddr()}
	in, err := conn.Accept(nc, s.connConfig(func() { s.hooks.heartbeat(desc) }))
	if err != nil {
		return nil, err
	}
	heard()
	holder, err := s.hooks.identify(ctx, s.registry, s.opts.ClientID, in.ClientID, in.Meta)
	if err != nil {
		in.Refuse(err)
		return nil, err
	}
	desc.clientID, desc.meta = holder.id, in.Meta
	if err := s.hooks.online(desc); err != nil {
		holder.release()
		in.Refuse(err)
		return nil, err
	}
	c, err := in.Confirm(holder.id)
	if err != nil {
		s.hooks.offline(desc)
		holder.release()
		return nil, err
	}
	end := application.New(c, s.endConfig(c, func() {
		s.hooks.offline(desc)
		holder.release()
		ended()
	}))
	c.Start(end.Mux())
	holder.attach(c.Replace)
	return end, nil
}
