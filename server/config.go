package server

import (
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
)

func (s *setup) connConfig(h *handshake) conn.Config {
	return conn.Config{
		Log:              s.log,
		Timer:            s.opts.Timer,
		Heartbeat:        s.opts.Heartbeat,
		HandshakeTimeout: s.limits.HandshakeTimeout,
		Offer:            application.Offer(s.limits),
		PacketFactory:    s.opts.PacketFactory,
		Beat:             func() { s.hooks.heartbeat(h.desc) },
		Grace:            s.grace,
		Instance:         s.sessions.instance,
		Suspended:        h.suspended,
		Resumed:          h.resumed,
	}
}

// endConfig is the configuration of the End on c.
func (s *setup) endConfig(c *conn.Conn, h *handshake) application.Config {
	cfg := application.Config{
		Log:               s.log,
		Limits:            &s.limits,
		Peer:              c.Peer(),
		PacketFactory:     s.opts.PacketFactory,
		ClientID:          c.ClientID(),
		Meta:              c.Meta(),
		ReadQueue:         s.opts.ReadBufferSize,
		WriteQueue:        s.opts.WriteBufferSize,
		ConnOffline:       h.offline,
		Publishers:        s.sessions.publishers,
		LocalMethods:      s.opts.LocalMethods,
		RemoteMethods:     s.opts.RemoteMethods,
		RemoteMethodCheck: s.opts.RemoteMethodCheck,
		AcceptStreamFunc:  s.opts.AcceptStreamFunc,
		ClosedStreamFunc:  s.opts.ClosedStreamFunc,
	}
	if d := s.opts.Delegate; d != nil {
		cfg.Dialogues = d
		cfg.RemoteRegistration = d.RemoteRegistration
	}
	if d, ok := s.opts.Delegate.(delegate.SuspendDelegate); ok {
		cfg.ConnSuspended = func() { d.ConnSuspended(h.desc) }
		cfg.ConnResumed = func() { d.ConnResumed(h.desc) }
	}
	return cfg
}
