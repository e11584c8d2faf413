package server

import (
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
)

func (s *setup) connConfig(beat func()) conn.Config {
	return conn.Config{
		Log:              s.log,
		Timer:            s.opts.Timer,
		Heartbeat:        s.opts.Heartbeat,
		HandshakeTimeout: s.limits.HandshakeTimeout,
		Offer:            application.Offer(s.limits),
		PacketFactory:    s.opts.PacketFactory,
		Beat:             beat,
	}
}

// endConfig is the configuration of the End on c, whose ConnOffline is offline.
func (s *setup) endConfig(c *conn.Conn, offline func()) application.Config {
	cfg := application.Config{
		Log:               s.log,
		Limits:            s.limits,
		Peer:              c.Peer(),
		PacketFactory:     s.opts.PacketFactory,
		ClientID:          c.ClientID(),
		Meta:              c.Meta(),
		ReadQueue:         s.opts.ReadBufferSize,
		WriteQueue:        s.opts.WriteBufferSize,
		ConnOffline:       offline,
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
	return cfg
}
