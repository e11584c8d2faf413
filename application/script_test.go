package application

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func TestMain(m *testing.M) {
	log.DefaultLog.SetLevel(log.LevelFatal)
	goleak.VerifyTestMain(m)
}

// patient is how long a test waits for what must come.
const patient = 10 * time.Second

// A script is an End whose peer is the test.
type script struct {
	*testing.T
	c *scriptedConn
	e *End
}

// small are limits that are easily reached.
func small() options.Limits {
	return options.Limits{
		MessageWindow: 8 << 10, StreamMessageWindow: 4 << 10,
		RequestWindow: 128 << 10, ResponseWindow: 128 << 10,
		MaxRunningCalls: 4, MaxWaitingCalls: 2,
		MaxBody: 1 << 20, CallBodyMemory: 1 << 20, MessageBodyMemory: 1 << 20,
		MaxRegistrations: 3,
	}
}

// play returns an End with small limits on both sides; with may change them.
func play(t *testing.T, with ...func(*Config)) *script {
	t.Helper()
	limits, err := small().WithDefaults()
	require.NoError(t, err)
	hello := Offer(limits)
	cfg := Config{
		Limits: &limits, ClientID: 77, Meta: []byte("meta"),
		Peer: &packet.Hello{
			CallCredit:   packet.CreditCall{Requests: 6, RequestBytes: 128 << 10, ResponseBytes: 128 << 10},
			MaxBody:      1 << 20,
			StreamWindow: 64 << 10, MessageWindow: 8 << 10,
			OpenCredit: packet.CreditOpen{Opens: 8, StreamWindow: 64 << 10, MessageWindow: hello.OpenCredit.MessageWindow},
		},
	}
	for _, f := range with {
		f(&cfg)
	}
	p := &script{T: t, c: &scriptedConn{client: true, news: make(chan struct{}, 1)}}
	p.e = New(p.c, cfg)
	t.Cleanup(p.lose)
	return p
}

// lose ends the connection without a farewell.
func (p *script) lose() {
	p.c.mu.Lock()
	lost := p.c.dead
	p.c.dead = true
	p.c.mu.Unlock()
	if lost {
		return
	}
	p.e.mux.HandleClosed(geminio.ErrSessionLost)
}

// poll returns the next frame, if there is one. The state that is owed becomes
// frames first.
func (p *script) poll() (frame, bool) {
	p.c.mu.Lock()
	kicked := p.c.kicked
	p.c.kicked = false
	p.c.mu.Unlock()
	if kicked {
		p.e.mux.Compose()
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if len(p.c.frames) == 0 {
		return frame{}, false
	}
	f := p.c.frames[0]
	p.c.frames = p.c.frames[1:]
	return f, true
}

// until waits until cond is true. It looks again at every change.
func (p *script) until(what string, cond func() bool) {
	p.Helper()
	late := time.After(patient)
	for !cond() {
		select {
		case <-p.c.news:
		case <-late:
			require.FailNow(p, "does not happen: "+what)
		case <-time.After(time.Millisecond):
		}
	}
}

// next waits for the next frame, which must be of type t. Credit that is given
// back may come at any time and is skipped.
func (p *script) next(t packet.Type) frame {
	p.Helper()
	return p.nextOf(t)
}

// nextOf is next where the frame may be of any of the types ts.
func (p *script) nextOf(ts ...packet.Type) frame {
	p.Helper()
	var f frame
	p.until(fmt.Sprint("a frame ", ts), func() bool {
		for {
			var ok bool
			if f, ok = p.poll(); !ok {
				return false
			}
			credit := f.header.Type == packet.TypeCreditCall || f.header.Type == packet.TypeCreditMessage
			if !credit || slices.Contains(ts, f.header.Type) {
				return true
			}
		}
	})
	require.Contains(p, ts, f.header.Type, "%v", f)
	return f
}

// silent checks that nothing is queued and nothing is owed.
func (p *script) silent() {
	p.Helper()
	f, ok := p.poll()
	require.False(p, ok, "unexpected %v", f.header)
}

// send has the End receive a frame.
func (p *script) send(t packet.Type, flags packet.Flags, stream uint32, payload []byte) error {
	h := packet.Header{Type: t, Flags: flags, Stream: stream, Length: len(payload)}
	if err := h.Check(); err != nil {
		return err
	}
	defer p.e.mux.EndBatch()
	if t != packet.TypeBody {
		return p.e.mux.HandleFrame(h, payload)
	}
	body, err := packet.ParseBody(payload)
	if err != nil {
		return err
	}
	half := len(body.Bytes) / 2 // a reader may hand it up in pieces
	if half > 0 {
		if err := p.e.mux.HandleBody(h, body.BodyHead, 0, body.Bytes[:half]); err != nil {
			return err
		}
	}
	return p.e.mux.HandleBody(h, body.BodyHead, half, body.Bytes[half:])
}

func (p *script) must(t packet.Type, flags packet.Flags, stream uint32, payload []byte) {
	p.Helper()
	require.NoError(p, p.send(t, flags, stream, payload))
}

// body sends the whole content of what was announced.
func (p *script) body(stream uint32, head packet.BodyHead, content []byte) error {
	for len(content) > 0 {
		n := min(len(content), packet.MaxPayload-packet.BodyHeadLen)
		flags := packet.FlagMORE
		if n == len(content) {
			flags = 0
		}
		if err := p.send(packet.TypeBody, flags, stream, append(packet.AppendBody(nil, head), content[:n]...)); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}

// request sends a request with its name inline.
func (p *script) request(stream uint32, id uint64, method string, data []byte) {
	p.Helper()
	fields := packet.AppendRequest(nil, packet.RequestFields{ID: id, RequestID: 1000 + id, DataLen: uint32(len(data))}, method)
	p.must(packet.TypeRequest, 0, stream, append(fields, data...))
}

// respond answers a request.
func (p *script) respond(stream uint32, id uint64, code packet.Code, text, custom, data string) {
	p.Helper()
	fields := packet.AppendResponse(nil, packet.ResponseFields{
		ID: id, Code: code, CustomLen: uint32(len(custom)), DataLen: uint32(len(data)),
	}, text)
	p.must(packet.TypeResponse, 0, stream, append(append(fields, custom...), data...))
}

// message sends a message.
func (p *script) message(stream uint32, id uint64, cnss options.Cnss, topic, data string) error {
	fields := packet.AppendMessage(nil, packet.MessageFields{ID: id, MessageID: 2000 + id, Cnss: uint8(cnss), DataLen: uint32(len(data))}, topic)
	return p.send(packet.TypeMessage, 0, stream, append(fields, data...))
}

// register sends a registration.
func (p *script) register(stream uint32, id uint64, op packet.RegisterOp, name string) error {
	return p.send(packet.TypeRegister, 0, stream, packet.AppendRegister(nil, id, op, name))
}

// nextRequest waits for a request, past the definition of its method.
func (p *script) nextRequest() (packet.Request, frame) {
	p.Helper()
	var f frame
	for {
		p.until("a request", func() (ok bool) { f, ok = p.poll(); return ok })
		if f.header.Type != packet.TypeMethodDef {
			break
		}
	}
	require.Equal(p, packet.TypeRequest, f.header.Type)
	r, err := packet.ParseRequest(f.header, f.payload)
	require.NoError(p, err)
	return r, f
}

func (p *script) nextResponse() packet.Response {
	p.Helper()
	f := p.next(packet.TypeResponse)
	r, err := packet.ParseResponse(f.header, f.payload)
	require.NoError(p, err)
	return r
}

func (p *script) nextMessage() (packet.Message, frame) {
	p.Helper()
	f := p.next(packet.TypeMessage)
	m, err := packet.ParseMessage(f.header, f.payload)
	require.NoError(p, err)
	return m, f
}

func (p *script) nextCancel() packet.Cancel {
	p.Helper()
	c, err := packet.ParseCancel(p.next(packet.TypeCancel).payload)
	require.NoError(p, err)
	return c
}

// open has the peer open a stream; the script's End is the client, so ids are
// even.
func (p *script) open(id uint32) {
	p.Helper()
	p.must(packet.TypeOpen, 0, id, packet.AppendOpen(nil, packet.Open{
		StreamWindow: 64 << 10, MessageWindow: 4 << 10, Meta: []byte("its meta"), Peer: []byte("its name"),
	}))
}

// A result is what a call in the background returned.
type result struct {
	rsp geminio.Response
	err error
}

// call calls in the background.
func (p *script) call(ctx context.Context, s *Stream, method, data string, opts ...*options.CallOptions) <-chan result {
	done := make(chan result, 1)
	req := s.NewRequest([]byte(data))
	go func() {
		rsp, err := s.Call(ctx, method, req, opts...)
		done <- result{rsp, err}
	}()
	return done
}

// publish publishes in the background.
func (p *script) publish(ctx context.Context, s *Stream, data string, cnss options.Cnss) <-chan error {
	done := make(chan error, 1)
	msg := s.NewMessage([]byte(data), withCnss(cnss))
	go func() { done <- s.Publish(ctx, msg) }()
	return done
}

// get waits for a value.
func get[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patient):
		require.FailNow(t, "does not come")
	}
	return v
}

// none checks that nothing has come.
func none[T any](t testing.TB, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		assert.Failf(t, "came too early", "%v", v)
	default:
	}
}

var background = context.Background()

func withCustom(custom string) *options.NewRequestOptions {
	opt := options.NewRequest()
	opt.SetCustom([]byte(custom))
	return opt
}

func withTimeout(d time.Duration) *options.CallOptions {
	opt := options.Call()
	opt.SetTimeout(d)
	return opt
}

func withCnss(cnss options.Cnss) *options.NewMessageOptions {
	opt := options.NewMessage()
	opt.SetCnss(cnss)
	return opt
}
