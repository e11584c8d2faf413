package application

import (
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// A request is what NewRequest makes and what a handler gets.
type request struct {
	id, clientID, streamID uint64
	timeout                time.Duration
	data, custom           []byte

	method atomic.Pointer[string] // nil: none; the same request may be in several calls
}

var _ geminio.Request = (*request)(nil)

// NewRequest returns a request with data, which is not copied.
func (s *Stream) NewRequest(data []byte, opts ...*options.NewRequestOptions) geminio.Request {
	r := &request{id: s.end.cfg.PacketFactory.NewPacketID(), clientID: s.ClientID(), streamID: s.StreamID(), data: data}
	if len(opts) > 0 {
		r.custom = options.MergeNewRequestOptions(opts...).Custom
	}
	return r
}

func (r *request) ID() uint64             { return r.id }
func (r *request) StreamID() uint64       { return r.streamID }
func (r *request) ClientID() uint64       { return r.clientID }
func (r *request) Timeout() time.Duration { return r.timeout }
func (r *request) Data() []byte           { return r.data }
func (r *request) Custom() []byte         { return r.custom }

func (r *request) Method() string {
	return textOf(r.method.Load())
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (r *request) SetTimeout(timeout time.Duration) { r.timeout = timeout }
func (r *request) SetCustom(custom []byte)          { r.custom = custom }
func (r *request) SetClientID(clientID uint64)      { r.clientID = clientID }
func (r *request) SetStreamID(streamID uint64)      { r.streamID = streamID }

// A response is what a handler fills in and what Call returns.
type response struct {
	id, clientID, streamID uint64
	method                 *string // nil: none
	data, custom           []byte
	err                    error
}

var _ geminio.Response = (*response)(nil)

func (r *response) ID() uint64       { return r.id }
func (r *response) StreamID() uint64 { return r.streamID }
func (r *response) ClientID() uint64 { return r.clientID }
func (r *response) Method() string   { return textOf(r.method) }
func (r *response) Data() []byte     { return r.data }
func (r *response) Custom() []byte   { return r.custom }
func (r *response) Error() error     { return r.err }

func (r *response) SetData(data []byte)         { r.data = data }
func (r *response) SetError(err error)          { r.err = err }
func (r *response) SetCustom(custom []byte)     { r.custom = custom }
func (r *response) SetClientID(clientID uint64) { r.clientID = clientID }
func (r *response) SetStreamID(streamID uint64) { r.streamID = streamID }
