package client

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/go-timer/v2"
)

// EndOptions are the options of a client's End. The zero value is the default.
// The constructors read them once: they may be shared by any number of Ends
// and changed afterwards.
type EndOptions struct {
	// Timer is what the End's beat runs on; it may be shared. The End never
	// closes it, and lives on when its owner does. If nil, the runtime's.
	Timer timer.Timer
	// TimerOwner has no effect: who made Timer owns it.
	TimerOwner interface{}
	// PacketFactory gives the ids of requests and messages. If nil, each End
	// has its own.
	PacketFactory packet.PacketFactory
	// Log is where the End logs to. If nil, log.DefaultLog.
	Log log.Logger
	// Delegate is told what happens to the End. If nil, nobody is.
	Delegate delegate.ClientDelegate
	// ClientID is the id that the client asks for; the server decides. If nil,
	// it asks for none.
	ClientID *uint64
	// Meta is what the server gets as the End's Meta. 64 KiB always fit; where
	// it is too long the constructor returns packet.ErrPacketTooLarge.
	Meta []byte
	// RemoteMethods are the methods that the constructor waits for.
	RemoteMethods []string
	// RemoteMethodCheck says whether a call of a method that the peer has not
	// registered fails without asking it.
	RemoteMethodCheck bool
	// LocalMethods are registered before the constructor returns.
	LocalMethods []*geminio.MethodRPC
	// ReadBufferSize is how many messages of a stream may wait for Receive
	// before their publishers get no further credit; with 0 or less their number
	// has no limit. Their bytes are limited by Limits.
	ReadBufferSize int
	// WriteBufferSize is how many writes of a stream (of large ones, parts of
	// 64 KiB at most) may wait for the connection before the writer waits; with
	// 0 or less their number has no limit. Their bytes are limited by Limits.
	WriteBufferSize int
	// Limits bound what the connection may cost. Zero fields are defaults.
	Limits options.Limits
	// Heartbeat is the interval of the beat, 10 ms at least; 0 or less is the
	// default, 20 s. The smaller one of both sides counts.
	Heartbeat time.Duration
	// LazyDial says whether the constructor of a RetryEnd returns before there
	// is a connection. It means nothing to other Ends.
	LazyDial bool
}

// NewEndOptions returns EndOptions with nothing set.
func NewEndOptions() *EndOptions { return &EndOptions{} }

// SetTimer sets what the End's beat runs on. The timer stays the caller's: it
// may be shared, and may be closed while the End lives.
func (opt *EndOptions) SetTimer(timer timer.Timer) { opt.Timer = timer }

// SetPacketFactory sets what gives the ids of requests and messages.
func (opt *EndOptions) SetPacketFactory(factory packet.PacketFactory) { opt.PacketFactory = factory }

// SetLog sets where the End logs to.
func (opt *EndOptions) SetLog(log log.Logger) { opt.Log = log }

// SetDelegate sets who is told what happens to the End.
func (opt *EndOptions) SetDelegate(delegate delegate.ClientDelegate) { opt.Delegate = delegate }

// SetClientID sets the id that the client asks for. The server decides.
func (opt *EndOptions) SetClientID(clientID uint64) { opt.ClientID = &clientID }

// SetMeta sets what the server gets as the End's Meta.
func (opt *EndOptions) SetMeta(meta []byte) { opt.Meta = meta }

// SetWaitRemoteRPCs makes the constructor wait until the server has registered
// all of methods, for as long as the connection lives.
func (opt *EndOptions) SetWaitRemoteRPCs(methods ...string) { opt.RemoteMethods = methods }

// SetBufferSize sets ReadBufferSize and WriteBufferSize.
func (opt *EndOptions) SetBufferSize(read, write int) {
	opt.ReadBufferSize = read
	opt.WriteBufferSize = write
}

// SetRemoteRPCCheck makes a call of a method that the server has not
// registered on the stream fail without asking it, with the text "remote rpc
// unregistered". Hijacked methods are not registered.
func (opt *EndOptions) SetRemoteRPCCheck() { opt.RemoteMethodCheck = true }

// SetRegisterLocalRPCs sets what is registered, the server knowing, before the
// constructor returns.
func (opt *EndOptions) SetRegisterLocalRPCs(methods ...*geminio.MethodRPC) {
	opt.LocalMethods = methods
}

// SetLimits sets what the connection may cost. Zero fields are defaults; the
// constructor fails with limits that do not add up.
func (opt *EndOptions) SetLimits(limits options.Limits) { opt.Limits = limits }

// SetHeartbeat sets the interval of the beat, 10 ms at least; 0 or less is the
// default, 20 s. The smaller one of both sides counts. A peer that is silent for two
// intervals and 5 s is taken for dead.
func (opt *EndOptions) SetHeartbeat(interval time.Duration) { opt.Heartbeat = interval }

// SetLazyDial makes the constructor of a RetryEnd return at once, without a
// connection: it goes on trying to get one, and whatever needs one waits. The
// first session is no EndReOnline.
func (opt *EndOptions) SetLazyDial() { opt.LazyDial = true }

// MergeEndOptions returns new options with, of each field, the last that is
// set in opts; RemoteMethodCheck and LazyDial are those of the last opt, Limits
// are taken as a whole. Nil opts are skipped. The result shares with opts only what the
// interfaces and LocalMethods point to.
func MergeEndOptions(opts ...*EndOptions) *EndOptions {
	return options.Merge(opts, (*EndOptions).overlay)
}

func (opt *EndOptions) overlay(on *EndOptions) {
	on.Timer = cmp.Or(opt.Timer, on.Timer)
	on.TimerOwner = cmp.Or(opt.TimerOwner, on.TimerOwner)
	on.PacketFactory = cmp.Or(opt.PacketFactory, on.PacketFactory)
	on.Log = cmp.Or(opt.Log, on.Log)
	on.Delegate = cmp.Or(opt.Delegate, on.Delegate)
	if opt.ClientID != nil {
		on.SetClientID(*opt.ClientID)
	}
	if opt.Meta != nil {
		on.Meta = bytes.Clone(opt.Meta)
	}
	if opt.RemoteMethods != nil {
		on.RemoteMethods = slices.Clone(opt.RemoteMethods)
	}
	on.RemoteMethodCheck = opt.RemoteMethodCheck
	if opt.LocalMethods != nil {
		on.LocalMethods = slices.Clone(opt.LocalMethods)
	}
	on.ReadBufferSize = cmp.Or(opt.ReadBufferSize, on.ReadBufferSize)
	on.WriteBufferSize = cmp.Or(opt.WriteBufferSize, on.WriteBufferSize)
	on.Limits = cmp.Or(opt.Limits, on.Limits)
	on.Heartbeat = cmp.Or(opt.Heartbeat, on.Heartbeat)
	on.LazyDial = opt.LazyDial
}
