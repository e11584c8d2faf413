package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/go-timer/v2"
)

// EndOptions are the options of a listener, for all its Ends, and of a
// server's End. The zero value is the default. The constructors read them
// once: they may be shared and changed afterwards.
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
	// Delegate is asked for client ids and told what happens to the End. If
	// nil, nobody is.
	Delegate delegate.ServerDelegate
	// ClientID is the id that the client gets where no Delegate decides. If
	// nil, the one that it asks for if that is free, else one is allocated.
	ClientID *uint64
	// RemoteMethods are the methods that the constructor waits for; an End is
	// not accepted before the client has registered them.
	RemoteMethods []string
	// RemoteMethodCheck says whether a call of a method that the peer has not
	// registered fails without asking it.
	RemoteMethodCheck bool
	// LocalMethods are registered before the constructor returns.
	LocalMethods []*geminio.MethodRPC
	// AcceptStreamFunc gets every stream that the client opens, when its
	// DialogueOnline has returned; the client's OpenStream returns after it.
	// AcceptStream then fails. If nil, streams wait for AcceptStream.
	AcceptStreamFunc func(geminio.Stream)
	// ClosedStreamFunc gets every stream, opened or accepted, once it has
	// ended, also when the connection was lost.
	ClosedStreamFunc func(geminio.Stream)
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
	// HandshakeErrors says whether AcceptEnd returns handshakes that failed.
	HandshakeErrors bool
	// ResumeGrace is how long a session that lost its connection waits for its
	// client to come back; 0: it ends with its connection. If nil, 30 s.
	ResumeGrace *time.Duration
	// Sessions is what the Ends know of others. If nil, those of a listener
	// know of each other, and the one of NewEndWithConn of nobody.
	Sessions *Sessions
}

const (
	defaultResumeGrace = 30 * time.Second
	maxResumeGrace     = 24 * time.Hour
)

// NewEndOptions returns EndOptions with nothing set.
func NewEndOptions() *EndOptions { return &EndOptions{} }

// SetTimer sets what the End's beat runs on. The timer stays the caller's: it
// may be shared, and may be closed while the End lives.
func (opt *EndOptions) SetTimer(timer timer.Timer) { opt.Timer = timer }

// SetPacketFactory sets what gives the ids of requests and messages.
func (opt *EndOptions) SetPacketFactory(factory packet.PacketFactory) { opt.PacketFactory = factory }

// SetLog sets where the End logs to.
func (opt *EndOptions) SetLog(log log.Logger) { opt.Log = log }

// SetDelegate sets who is asked for client ids and told what happens to the
// End.
func (opt *EndOptions) SetDelegate(delegate delegate.ServerDelegate) { opt.Delegate = delegate }

// SetClientID sets the id that the client gets where no delegate decides.
func (opt *EndOptions) SetClientID(clientID uint64) { opt.ClientID = &clientID }

// SetWaitRemoteRPCs makes the constructor wait until the client has registered
// all of methods, for as long as the connection lives. AcceptEnd returns other
// Ends meanwhile.
func (opt *EndOptions) SetWaitRemoteRPCs(methods ...string) { opt.RemoteMethods = methods }

// SetBufferSize sets ReadBufferSize and WriteBufferSize.
func (opt *EndOptions) SetBufferSize(read, write int) {
	opt.ReadBufferSize = read
	opt.WriteBufferSize = write
}

// SetRemoteRPCCheck makes a call of a method that the client has not
// registered on the stream fail without asking it, with the text "remote rpc
// unregistered". Hijacked methods are not registered.
func (opt *EndOptions) SetRemoteRPCCheck() { opt.RemoteMethodCheck = true }

// SetRegisterLocalRPCs sets what is registered, the client knowing, before the
// constructor or AcceptEnd returns the End.
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

// SetAcceptStreamFunc sets what gets every stream that the client opens. It
// may block and may close the stream; for each stream it runs on a goroutine
// of its own, and the client's OpenStream returns after it. AcceptStream then
// fails.
func (opt *EndOptions) SetAcceptStreamFunc(fn func(geminio.Stream)) { opt.AcceptStreamFunc = fn }

// SetClosedStreamFunc sets what gets every stream, opened or accepted, once it
// has ended, also when the connection was lost. It runs after the
// AcceptStreamFunc of the stream and may block.
func (opt *EndOptions) SetClosedStreamFunc(fn func(geminio.Stream)) { opt.ClosedStreamFunc = fn }

// SetHandshakeErrors says whether AcceptEnd returns an error for every
// handshake that failed: a net.Error whose Temporary is true. By default they
// are logged at debug, and AcceptEnd returns finished Ends alone.
func (opt *EndOptions) SetHandshakeErrors(on bool) { opt.HandshakeErrors = on }

// SetResumeGrace sets how long a session that lost its connection waits for its
// client, which goes on with it if it is a RetryEnd: 30 s by default, at most
// 24 h; 0 ends sessions with their connections. The constructor fails with
// other values. NewEndWithConn heeds it only with SetSessions.
func (opt *EndOptions) SetResumeGrace(grace time.Duration) { opt.ResumeGrace = &grace }

// SetSessions sets what the Ends know of others: with the same Sessions, ids
// are unique, and a session that began through one listener or NewEndWithConn
// goes on through another.
func (opt *EndOptions) SetSessions(sessions *Sessions) { opt.Sessions = sessions }

// resumeGrace is the grace to use.
func (opt *EndOptions) resumeGrace() (time.Duration, error) {
	if opt.ResumeGrace == nil {
		return defaultResumeGrace, nil
	}
	grace := *opt.ResumeGrace
	if grace < 0 || grace > maxResumeGrace {
		return 0, fmt.Errorf("resume grace %v is not between 0 and %v", grace, maxResumeGrace)
	}
	return grace, nil
}

// MergeEndOptions returns new options with, of each field, the last that is
// set in opts; RemoteMethodCheck and HandshakeErrors are those of the last opt,
// Limits are taken as a whole. Nil opts are skipped. The result shares with
// opts only what the interfaces and LocalMethods point to.
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
	if opt.RemoteMethods != nil {
		on.RemoteMethods = slices.Clone(opt.RemoteMethods)
	}
	on.RemoteMethodCheck = opt.RemoteMethodCheck
	if opt.LocalMethods != nil {
		on.LocalMethods = slices.Clone(opt.LocalMethods)
	}
	if opt.AcceptStreamFunc != nil {
		on.AcceptStreamFunc = opt.AcceptStreamFunc
	}
	if opt.ClosedStreamFunc != nil {
		on.ClosedStreamFunc = opt.ClosedStreamFunc
	}
	on.ReadBufferSize = cmp.Or(opt.ReadBufferSize, on.ReadBufferSize)
	on.WriteBufferSize = cmp.Or(opt.WriteBufferSize, on.WriteBufferSize)
	on.Limits = cmp.Or(opt.Limits, on.Limits)
	on.Heartbeat = cmp.Or(opt.Heartbeat, on.Heartbeat)
	on.HandshakeErrors = opt.HandshakeErrors
	if opt.ResumeGrace != nil {
		on.SetResumeGrace(*opt.ResumeGrace)
	}
	on.Sessions = cmp.Or(opt.Sessions, on.Sessions)
}
