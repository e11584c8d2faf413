package server

import (
	"context"
	"net"

	"github.com/singchia/geminio"
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
// speaks no protocol that this side does.
//
// With SetSessions the End knows of the others that were made with the same
// Sessions, as the Ends of a listener know of each other: ids are unique, and a
// session waits for its client for 30 s, or SetResumeGrace, when its connection
// is lost. A client that comes back is recognised by NewEndWithConn, which then
// returns nil and ErrSessionResumed: conn is the session's from then on. Without
// SetSessions an End knows of nobody, and ends with its connection.
func NewEndWithConn(conn net.Conn, opts ...*EndOptions) (geminio.End, error) {
	s, err := newSetup(opts, false)
	if err != nil {
		conn.Close()
		return nil, err
	}
	end, err := s.shake(context.Background(), conn, func() {}, func() {})
	if err != nil {
		return nil, err
	}
	if err := end.Setup(); err != nil {
		end.Close()
		return nil, err
	}
	return end, nil
}
