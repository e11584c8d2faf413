// Package conformance holds the tests of what programs and the house rely on
// without ever calling it: that the public API is what it was, and who may
// import whom.
package conformance

import (
	"context"
	"net"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/id"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/mocks"
	"github.com/singchia/go-timer/v2"
)

// This file has no tests: that it compiles is the promise. A conversion of a
// pointer to an interface compiles only if the two have the same methods, so
// it also shows that none was added (programs implement these interfaces).

// Package geminio.
var (
	_ = (*interface {
		geminio.Stream
		geminio.Multiplexer
		net.Listener
		Close() error
	})((*geminio.End)(nil))

	_ = (*interface {
		geminio.RawRPCMessager
		StreamID() uint64
		ClientID() uint64
		Meta() []byte
		Side() geminio.Side
		Peer() string
	})((*geminio.Stream)(nil))

	_ = (*interface {
		geminio.Raw
		geminio.RPCer
		geminio.Messager
	})((*geminio.RawRPCMessager)(nil))

	_ = (*net.Conn)((*geminio.Raw)(nil))

	_ = (*interface {
		OpenStream(opts ...*options.OpenStreamOptions) (geminio.Stream, error)
		AcceptStream() (geminio.Stream, error)
		ListStreams() []geminio.Stream
	})((*geminio.Multiplexer)(nil))

	_ = (*interface {
		NewRequest(data []byte, opts ...*options.NewRequestOptions) geminio.Request
		Call(ctx context.Context, method string, req geminio.Request, opts ...*options.CallOptions) (geminio.Response, error)
		CallAsync(ctx context.Context, method string, req geminio.Request, ch chan *geminio.Call, opts ...*options.CallOptions) (*geminio.Call, error)
		Register(ctx context.Context, method string, rpc geminio.RPC) error
		Hijack(rpc geminio.HijackRPC, opts ...*options.HijackOptions) error
	})((*geminio.RPCer)(nil))

	_ = (*interface {
		NewMessage(data []byte, opts ...*options.NewMessageOptions) geminio.Message
		Publish(ctx context.Context, msg geminio.Message, opts ...*options.PublishOptions) error
		PublishAsync(ctx context.Context, msg geminio.Message, ch chan *geminio.Publish, opts ...*options.PublishOptions) (*geminio.Publish, error)
		Receive(ctx context.Context) (geminio.Message, error)
	})((*geminio.Messager)(nil))

	_ = (*interface {
		ID() uint64
		StreamID() uint64
		ClientID() uint64
		Method() string
		Timeout() time.Duration
		Data() []byte
		Custom() []byte
		SetTimeout(time.Duration)
		SetCustom([]byte)
		SetClientID(uint64)
		SetStreamID(uint64)
	})((*geminio.Request)(nil))

	_ = (*interface {
		ID() uint64
		StreamID() uint64
		ClientID() uint64
		Method() string
		Data() []byte
		Error() error
		Custom() []byte
		SetData([]byte)
		SetError(error)
		SetCustom([]byte)
		SetClientID(uint64)
		SetStreamID(uint64)
	})((*geminio.Response)(nil))

	_ = (*interface {
		Done() error
		Error(error) error
		ID() uint64
		StreamID() uint64
		ClientID() uint64
		Timeout() time.Duration
		Topic() string
		Cnss() options.Cnss
		Data() []byte
		Custom() []byte
		SetTimeout(time.Duration)
		SetCustom([]byte)
		SetTopic(string)
		SetClientID(uint64)
		SetStreamID(uint64)
	})((*geminio.Message)(nil))

	_ geminio.RPC       = (func(context.Context, geminio.Request, geminio.Response))(nil)
	_ geminio.HijackRPC = (func(context.Context, string, geminio.Request, geminio.Response))(nil)

	_ = (*struct {
		Method string
		RPC    geminio.RPC
	})((*geminio.MethodRPC)(nil))
	_ = (*struct {
		Method   string
		Request  geminio.Request
		Response geminio.Response
		Error    error
		Done     chan *geminio.Call
	})((*geminio.Call)(nil))
	_ = (*struct {
		Message geminio.Message
		Error   error
		Done    chan *geminio.Publish
	})((*geminio.Publish)(nil))

	_ int            = int(geminio.Side(0))
	_ [0]struct{}    = [geminio.InitiatorSide]struct{}{}
	_ [1]struct{}    = [geminio.RecipientSide]struct{}{}
	_ []geminio.Side = []geminio.Side{geminio.InitiatorSide, geminio.RecipientSide}
	_                = (*int)((*geminio.Side)(nil))
)

// Package client.
var (
	_ geminio.End = (*client.RetryEnd)(nil)
	_ interface {
		delegate.Delegate
		GetClientID(meta []byte) (uint64, error)
	} = (*client.RetryEnd)(nil)

	_ client.Dialer                                                    = (func() (net.Conn, error))(nil)
	_ func(string, string, ...*client.EndOptions) (geminio.End, error) = client.NewEnd
	_ func(client.Dialer, ...*client.EndOptions) (geminio.End, error)  = client.NewEndWithDialer
	_ func(net.Conn, ...*client.EndOptions) (geminio.End, error)       = client.NewEndWithConn
	_ func(client.Dialer, ...*client.EndOptions) (geminio.End, error)  = client.NewRetryEndWithDialer
	_ func() *client.EndOptions                                        = client.NewEndOptions
	_ func(...*client.EndOptions) *client.EndOptions                   = client.MergeEndOptions
	_ func(*client.EndOptions, timer.Timer)                            = (*client.EndOptions).SetTimer
	_ func(*client.EndOptions, packet.PacketFactory)                   = (*client.EndOptions).SetPacketFactory
	_ func(*client.EndOptions, log.Logger)                             = (*client.EndOptions).SetLog
	_ func(*client.EndOptions, delegate.ClientDelegate)                = (*client.EndOptions).SetDelegate
	_ func(*client.EndOptions, uint64)                                 = (*client.EndOptions).SetClientID
	_ func(*client.EndOptions, []byte)                                 = (*client.EndOptions).SetMeta
	_ func(*client.EndOptions, ...string)                              = (*client.EndOptions).SetWaitRemoteRPCs
	_ func(opt *client.EndOptions, read, write int)                    = (*client.EndOptions).SetBufferSize
	_ func(*client.EndOptions)                                         = (*client.EndOptions).SetRemoteRPCCheck
	_ func(*client.EndOptions, ...*geminio.MethodRPC)                  = (*client.EndOptions).SetRegisterLocalRPCs

	_ = client.EndOptions{
		Timer:             timer.Timer(nil),
		TimerOwner:        interface{}(nil),
		PacketFactory:     packet.PacketFactory(nil),
		Log:               log.Logger(nil),
		Delegate:          delegate.ClientDelegate(nil),
		ClientID:          (*uint64)(nil),
		Meta:              []byte(nil),
		RemoteMethods:     []string(nil),
		RemoteMethodCheck: bool(false),
		LocalMethods:      []*geminio.MethodRPC(nil),
		ReadBufferSize:    int(0),
		WriteBufferSize:   int(0),
	}
)

// Package server.
var (
	_ func(string, string, ...*server.EndOptions) (server.Listener, error) = server.Listen
	_ func(net.Conn, ...*server.EndOptions) (geminio.End, error)           = server.NewEndWithConn

	_ = (*interface {
		AcceptEnd() (geminio.End, error)
		Accept() (net.Conn, error)
		Close() error
		Addr() net.Addr
	})((*server.Listener)(nil))

	_                               = server.ServerEnd{End: geminio.End(nil)}
	_ func(*server.ServerEnd) error = (*server.ServerEnd).Close
	_ geminio.End                   = (*server.ServerEnd)(nil)

	_ func() *server.EndOptions                         = server.NewEndOptions
	_ func(...*server.EndOptions) *server.EndOptions    = server.MergeEndOptions
	_ func(*server.EndOptions, timer.Timer)             = (*server.EndOptions).SetTimer
	_ func(*server.EndOptions, packet.PacketFactory)    = (*server.EndOptions).SetPacketFactory
	_ func(*server.EndOptions, log.Logger)              = (*server.EndOptions).SetLog
	_ func(*server.EndOptions, delegate.ServerDelegate) = (*server.EndOptions).SetDelegate
	_ func(*server.EndOptions, uint64)                  = (*server.EndOptions).SetClientID
	_ func(*server.EndOptions, ...string)               = (*server.EndOptions).SetWaitRemoteRPCs
	_ func(*server.EndOptions)                          = (*server.EndOptions).SetRemoteRPCCheck
	_ func(*server.EndOptions, ...*geminio.MethodRPC)   = (*server.EndOptions).SetRegisterLocalRPCs
	_ func(*server.EndOptions, func(geminio.Stream))    = (*server.EndOptions).SetAcceptStreamFunc
	_ func(*server.EndOptions, func(geminio.Stream))    = (*server.EndOptions).SetClosedStreamFunc
	_ func(opt *server.EndOptions, read, write int)     = (*server.EndOptions).SetBufferSize

	_ = server.EndOptions{
		Timer:             timer.Timer(nil),
		TimerOwner:        interface{}(nil),
		PacketFactory:     packet.PacketFactory(nil),
		Log:               log.Logger(nil),
		Delegate:          delegate.ServerDelegate(nil),
		ClientID:          (*uint64)(nil),
		RemoteMethods:     []string(nil),
		RemoteMethodCheck: bool(false),
		LocalMethods:      []*geminio.MethodRPC(nil),
		AcceptStreamFunc:  (func(geminio.Stream))(nil),
		ClosedStreamFunc:  (func(geminio.Stream))(nil),
		ReadBufferSize:    int(0),
		WriteBufferSize:   int(0),
	}
)

// Package options.
var (
	_ func() *options.CallOptions                                    = options.Call
	_ func(*options.CallOptions, time.Duration)                      = (*options.CallOptions).SetTimeout
	_ func(...*options.CallOptions) *options.CallOptions             = options.MergeCallOptions
	_                                                                = options.CallOptions{Timeout: (*time.Duration)(nil)}
	_ func() *options.NewRequestOptions                              = options.NewRequest
	_ func(*options.NewRequestOptions, []byte)                       = (*options.NewRequestOptions).SetCustom
	_ func(...*options.NewRequestOptions) *options.NewRequestOptions = options.MergeNewRequestOptions
	_                                                                = options.NewRequestOptions{Custom: []byte(nil)}
	_ func() *options.PublishOptions                                 = options.Publish
	_ func(*options.PublishOptions, time.Duration)                   = (*options.PublishOptions).SetTimeout
	_ func(...*options.PublishOptions) *options.PublishOptions       = options.MergePublishOptions
	_                                                                = options.PublishOptions{Timeout: (*time.Duration)(nil)}
	_ func() *options.NewMessageOptions                              = options.NewMessage
	_ func(*options.NewMessageOptions, []byte)                       = (*options.NewMessageOptions).SetCustom
	_ func(*options.NewMessageOptions, options.Cnss)                 = (*options.NewMessageOptions).SetCnss
	_ func(*options.NewMessageOptions, string)                       = (*options.NewMessageOptions).SetTopic
	_ func(...*options.NewMessageOptions) *options.NewMessageOptions = options.MergeNewMessageOptions
	_                                                                = options.NewMessageOptions{Custom: []byte(nil), Cnss: (*options.Cnss)(nil), Topic: (*string)(nil)}
	_ func() *options.OpenStreamOptions                              = options.OpenStream
	_ func(*options.OpenStreamOptions, string)                       = (*options.OpenStreamOptions).SetPeer
	_ func(*options.OpenStreamOptions, []byte)                       = (*options.OpenStreamOptions).SetMeta
	_ func(...*options.OpenStreamOptions) *options.OpenStreamOptions = options.MergeOpenStreamOptions
	_                                                                = options.OpenStreamOptions{Meta: []byte(nil), Peer: (*string)(nil)}
	_ func() *options.HijackOptions                                  = options.Hijack
	_ func(opt *options.HijackOptions, match bool, pattern string)   = (*options.HijackOptions).SetMatch
	_ func(...*options.HijackOptions) *options.HijackOptions         = options.MergeHijackOptions
	_                                                                = options.HijackOptions{Match: (*bool)(nil), Pattern: (*string)(nil)}

	_                = (*byte)((*options.Cnss)(nil))
	_ []options.Cnss = []options.Cnss{options.CnssAtMostOnce, options.CnssAtLeastOnce}
	_ [1]struct{}    = [options.CnssAtMostOnce]struct{}{}
	_ [2]struct{}    = [options.CnssAtLeastOnce]struct{}{}
)

// Package delegate.
var (
	_ delegate.ClientDelegate                                             = (*delegate.UnimplementedDelegate)(nil)
	_ delegate.Delegate                                                   = (*delegate.UnimplementedDelegate)(nil)
	_ func(*delegate.UnimplementedDelegate, delegate.ConnDescriber) error = (*delegate.UnimplementedDelegate).Heartbeat
	_ func(*delegate.UnimplementedDelegate, []byte) (uint64, error)       = (*delegate.UnimplementedDelegate).GetClientID
	_                                                                     = (*struct{})((*delegate.UnimplementedDelegate)(nil))

	_ = (*interface {
		delegate.ClientConnDelegate
		delegate.ClientDialogueDelegate
		delegate.ApplicationDelegate
		EndReOnline(delegate.ClientDescriber)
	})((*delegate.ClientDelegate)(nil))
	_ = (*interface {
		delegate.ServerConnDelegate
		delegate.ServerDialogueDelegate
		delegate.ApplicationDelegate
	})((*delegate.ServerDelegate)(nil))
	_ = (*interface {
		ClientID() uint64
		Meta() []byte
		LocalAddr() net.Addr
		RemoteAddr() net.Addr
		Side() geminio.Side
	})((*delegate.ConnDescriber)(nil))
	_ = (*interface {
		NegotiatingID() uint64
		ClientID() uint64
		DialogueID() uint64
		Meta() []byte
		Side() geminio.Side
	})((*delegate.DialogueDescriber)(nil))
	_ = (*interface {
		ClientID() uint64
	})((*delegate.ClientDescriber)(nil))
	_ = (*interface {
		ConnOnline(delegate.ConnDescriber) error
		ConnOffline(delegate.ConnDescriber) error
	})((*delegate.ClientConnDelegate)(nil))
	_ = (*interface {
		ConnOnline(delegate.ConnDescriber) error
		ConnOffline(delegate.ConnDescriber) error
		Heartbeat(delegate.ConnDescriber) error
		GetClientID(wantedID uint64, meta []byte) (uint64, error)
	})((*delegate.ServerConnDelegate)(nil))
	_ = (*interface {
		DialogueOnline(delegate.DialogueDescriber) error
		DialogueOffline(delegate.DialogueDescriber) error
	})((*delegate.ClientDialogueDelegate)(nil))
	_ = (*interface {
		DialogueOnline(delegate.DialogueDescriber) error
		DialogueOffline(delegate.DialogueDescriber) error
	})((*delegate.ServerDialogueDelegate)(nil))
	_ = (*interface {
		RemoteRegistration(method string, clientID, streamID uint64)
	})((*delegate.ApplicationDelegate)(nil))
)

// A server's delegate is written in this way: everything but GetClientID may
// be left out.
type serverDelegate struct {
	*delegate.UnimplementedDelegate
}

func (serverDelegate) GetClientID(wantedID uint64, meta []byte) (uint64, error) { return wantedID, nil }

var _ delegate.ServerDelegate = serverDelegate{}

// The generated mocks are those of today's delegates.
var (
	_ delegate.ClientDelegate = (*mocks.MockClientDelegate)(nil)
	_ delegate.ServerDelegate = (*mocks.MockServerDelegate)(nil)
)

// Package pkg/id.
var (
	_ *id.IDCounter               = id.DefaultIncIDCounter
	_ func(id.Mode) *id.IDCounter = id.NewIDCounter
	_ id.IDFactory                = (*id.IDCounter)(nil)
	_ []id.Mode                   = []id.Mode{id.Even, id.Odd, id.Unique, id.Inc}
	_                             = (*string)((*id.Mode)(nil))

	_ = (*interface {
		ReserveID(uint64)
		GetID() uint64
		GetIDByMeta([]byte) (uint64, error)
		DelID(uint64)
		Close()
	})((*id.IDFactory)(nil))
)

// Package packet, as much of it as is public.
var (
	_ int                  = packet.MaxDecodablePacketLen
	_ error                = packet.ErrPacketTooLarge
	_ packet.PacketFactory = packet.NewPacketFactory((*id.IDCounter)(nil))

	_ = func(pattern, data []byte) ([]byte, error) {
		request := packet.NewPacketFactory(id.DefaultIncIDCounter).NewRequestPacket(pattern, data)
		request.Data.Custom = []byte(nil)
		return request.Encode()
	}
)
