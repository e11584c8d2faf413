package client

import (
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
)

func (s *setup) connConfig() conn.Config {
	return conn.Config{
		Log:              s.log,
		Timer:            s.opts.Timer,
		Heartbeat:        s.opts.Heartbeat,
		HandshakeTimeout: s.limits.HandshakeTimeout,
		Offer:            application.Offer(*s.limits),
		PacketFactory:    s.opts.PacketFactory,
	}
}

// endConfig is the configuration of the End on c, which h is told of.
func (s *setup) endConfig(c *conn.Conn, h *hooks) application.Config {
	cfg := application.Config{
		Log:               s.log,
		Limits:            s.limits,
		Peer:              c.Peer(),
		PacketFactory:     s.opts.PacketFactory,
		ClientID:          c.ClientID(),
		Meta:              c.Meta(),
		ReadQueue:         s.opts.ReadBufferSize,
		WriteQueue:        s.opts.WriteBufferSize,
		ConnOffline:       h.offline,
		LocalMethods:      s.opts.LocalMethods,
		RemoteMethods:     s.opts.RemoteMethods,
		RemoteMethodCheck: s.opts.RemoteMethodCheck,
	}
	if s.opts.Delegate != nil {
		cfg.Dialogues = h
		cfg.RemoteRegistration = h.remoteRegistration
	}
	if _, ok := s.opts.Delegate.(delegate.SuspendDelegate); ok {
		cfg.ConnSuspended, cfg.ConnResumed = h.suspended, h.resumed
	}
	return cfg
}
