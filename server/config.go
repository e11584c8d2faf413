package server

import (
	"cmp"

	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func (s *setup) connConfig(beat func()) conn.Config {
	return conn.Config{
		Log:              s.log,
		Timer:            s.opts.Timer,
		Heartbeat:        s.opts.Heartbeat,
		HandshakeTimeout: s.limits.HandshakeTimeout,
		Offer:            offer(&s.limits),
		PacketFactory:    s.opts.PacketFactory,
		Beat:             beat,
	}
}

// endConfig is the configuration of the End on c, whose ConnOffline is offline.
func (s *setup) endConfig(c *conn.Conn, offline func()) application.Config {
	cfg := application.Config{
		Log:               s.log,
		Limits:            s.limits,
		Peer:              allowed(c.Peer()),
		PacketFactory:     s.opts.PacketFactory,
		ClientID:          c.ClientID(),
		Meta:              c.Meta(),
		ReadQueue:         s.opts.ReadBufferSize,
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

// offer is what limits allow the peer from the first frame on.
func offer(limits *options.Limits) packet.Hello {
	return packet.Hello{
		StreamWindow:  uint32(limits.StreamWindow),
		MessageWindow: uint32(limits.MessageWindow),
		OpenCredit: packet.CreditOpen{
			Opens:         uint32(limits.OpenBacklog),
			StreamWindow:  uint32(limits.StreamWindow),
			MessageWindow: uint32(limits.StreamMessageWindow),
		},
		CallCredit: packet.CreditCall{
			Requests:      uint64(limits.MaxRunningCalls) + uint64(limits.MaxWaitingCalls),
			RequestBytes:  uint64(limits.RequestWindow),
			ResponseBytes: uint64(limits.ResponseWindow),
		},
		MaxBody: uint32(limits.MaxBody),
	}
}

// allowed is what the peer's offer allows this side.
func allowed(h packet.Hello) application.PeerLimits {
	return application.PeerLimits{
		CallRequests:      h.CallCredit.Requests,
		RequestBytes:      h.CallCredit.RequestBytes,
		ResponseBytes:     h.CallCredit.ResponseBytes,
		MaxBody:           int(cmp.Or(h.MaxBody, packet.MaxDecodablePacketLen)),
		StreamWindow:      int(h.StreamWindow),
		MessageWindow:     int(h.MessageWindow),
		Opens:             int(h.OpenCredit.Opens),
		OpenStreamWindow:  int(h.OpenCredit.StreamWindow),
		OpenMessageWindow: int(h.OpenCredit.MessageWindow),
	}
}
