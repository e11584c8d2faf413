package client

import (
	"net"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
)

// A Dialer makes the connection that an End runs on: TCP, TLS, a Unix socket
// or one in memory. It must be a stream that keeps bytes in order. A Dialer
// limits its own time.
type Dialer func() (net.Conn, error)

// NewEnd dials address on the named network, as net.Dial does, and returns the
// End on that connection. Apart from dialling it is NewEndWithConn. It returns
// the error of net.Dial as it is.
func NewEnd(network, address string, opts ...*EndOptions) (geminio.End, error) {
	return NewEndWithDialer(func() (net.Conn, error) { return net.Dial(network, address) }, opts...)
}

// NewEndWithDialer returns the End on a connection of dialer, which is called
// once. Apart from that it is NewEndWithConn. It returns dialer's error as it
// is.
func NewEndWithDialer(dialer Dialer, opts ...*EndOptions) (geminio.End, error) {
	s, err := newSetup(opts)
	if err != nil {
		return nil, err
	}
	nc, err := dialer()
	if err != nil {
		return nil, err
	}
	return s.newEnd(nc)
}

// NewEndWithConn does the client's part of the handshake on conn and returns
// the End, whose ClientID is the one that the server gave. Then it calls
// ConnOnline, registers the local methods and waits for those of
// SetWaitRemoteRPCs: for the server's answer it waits as long as Limits allow,
// for the methods as long as the connection lives.
//
// On an error nothing is left behind and conn is closed. A server that refused
// the client has its text returned as a *geminio.RemoteError; one where the id
// is taken makes it geminio.ErrClientIDInUse, one that speaks no protocol that
// this side does geminio.ErrProtocolVersion.
func NewEndWithConn(conn net.Conn, opts ...*EndOptions) (geminio.End, error) {
	s, err := newSetup(opts)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s.newEnd(conn)
}

// newEnd makes nc an End, or closes nc.
func (s *setup) newEnd(nc net.Conn) (geminio.End, error) {
	c, err := conn.Client(nc, s.connConfig(), s.wantedID(), s.opts.Meta)
	if err != nil {
		return nil, err
	}
	hooks := newHooks(s.opts.Delegate, s.log)
	end := application.New(c, s.endConfig(c, hooks))
	c.Start(end.Mux())
	if err := hooks.online(end); err != nil {
		end.Close()
		return nil, err
	}
	if err := end.Setup(); err != nil {
		end.Close()
		return nil, err
	}
	return end, nil
}
