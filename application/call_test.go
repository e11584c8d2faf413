package application

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

func TestCallReturnsWhatTheHandlerSet(t *testing.T) {
	p := play(t)
	req := p.e.NewRequest([]byte("data"), withCustom("custom"))
	done := make(chan result, 1)
	go func() {
		rsp, err := p.e.Call(background, "echo", req)
		done <- result{rsp, err}
	}()
	r, f := p.nextRequest()
	assert.Equal(t, packet.Messages, f.class)
	assert.Equal(t, uint32(1), f.header.Stream)
	assert.Equal(t, "custom", string(r.Custom))
	assert.Equal(t, "data", string(r.Data))
	assert.Equal(t, req.ID(), r.RequestID)
	assert.Equal(t, uint32(1), r.Method)
	assert.Zero(t, r.TimeoutMS)

	p.respond(1, r.ID, packet.CodeOK, "", "their custom", "their data")
	got := get(t, done)
	require.NoError(t, got.err)
	assert.Equal(t, "their data", string(got.rsp.Data()))
	assert.Equal(t, "their custom", string(got.rsp.Custom()))
	assert.Equal(t, "echo", got.rsp.Method())
	assert.Equal(t, "echo", req.Method())
	assert.Equal(t, req.ID(), got.rsp.ID())
	assert.Equal(t, uint64(77), got.rsp.ClientID())
	assert.Equal(t, uint64(1), got.rsp.StreamID())
	assert.NoError(t, got.rsp.Error())
	assert.Equal(t, cap(got.rsp.Custom()), len(got.rsp.Custom()), "appending to one slice must not reach the other")
	assert.Equal(t, cap(got.rsp.Data()), len(got.rsp.Data()))
}

func TestMethodIsDefinedOnceBeforeItsFirstRequest(t *testing.T) {
	p := play(t)
	first := p.call(background, p.e.Stream, "m", "1")
	def, err := packet.ParseMethodDef(p.next(packet.TypeMethodDef).payload)
	require.NoError(t, err)
	assert.Equal(t, "m", string(def.Name))
	r, _ := p.nextRequest()
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	require.NoError(t, get(t, first).err)

	second := p.call(background, p.e.Stream, "m", "2")
	f := p.next(packet.TypeRequest)
	r, err = packet.ParseRequest(f.header, f.payload)
	require.NoError(t, err)
	assert.Equal(t, def.Index, r.Method)
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	require.NoError(t, get(t, second).err)
}

func TestMethodGoesInlineWhereTheDictionaryIsFull(t *testing.T) {
	p := play(t)
	p.e.dictionary.size = packet.MaxDictionaryBytes
	done := p.call(background, p.e.Stream, "unlisted", "")
	f := p.next(packet.TypeRequest)
	r, err := packet.ParseRequest(f.header, f.payload)
	require.NoError(t, err)
	assert.Equal(t, "unlisted", string(r.Name))
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	require.NoError(t, get(t, done).err)
}

func TestCallReturnsTheErrorOfItsAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		code packet.Code
		text string
		want error
	}{
		"handler":             {packet.CodeError, "its words", &geminio.RemoteError{Code: 1, Text: "its words"}},
		"handler, empty text": {packet.CodeError, "", &geminio.RemoteError{Code: 1}},
		"no such method":      {packet.CodeNoSuchMethod, "no such rpc: m", &geminio.RemoteError{Code: 2, Text: "no such rpc: m"}},
		"panic":               {packet.CodePanic, "rpc handler panic: x", &geminio.RemoteError{Code: 3, Text: "rpc handler panic: x"}},
		"busy":                {packet.CodeBusy, "busy", &geminio.CallError{Err: geminio.ErrBusy}},
		"unknown code":        {999, "?", &geminio.RemoteError{Code: 999, Text: "?"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			done := p.call(background, p.e.Stream, "m", "")
			r, _ := p.nextRequest()
			p.respond(1, r.ID, test.code, test.text, "", "")
			got := get(t, done)
			assert.Nil(t, got.rsp)
			assert.Equal(t, test.want, got.err)
		})
	}
}

func TestCallRefusesLocallyWhatCannotBeSent(t *testing.T) {
	p := play(t, func(c *Config) { c.RemoteMethodCheck = true })
	other := p.e.NewRequest(nil)
	other.SetClientID(78)
	_, err := p.e.Call(background, "m", other)
	assert.Equal(t, ErrMismatchClientID, err)
	other.SetClientID(77)
	other.SetStreamID(2)
	_, err = p.e.Call(background, "m", other)
	assert.Equal(t, ErrMismatchStreamID, err)
	_, err = p.e.Call(background, "m", p.e.NewRequest(make([]byte, 1<<20+1)))
	assert.Equal(t, packet.ErrPacketTooLarge, err)
	_, err = p.e.Call(background, strings.Repeat("m", packet.MaxName+1), p.e.NewRequest(nil))
	assert.Equal(t, packet.ErrPacketTooLarge, err)
	_, err = p.e.Call(background, "m", p.e.NewRequest(nil))
	assert.Equal(t, ErrRemoteRPCUnregistered, err)
	ctx, cancel := context.WithCancel(background)
	cancel()
	_, err = p.e.Call(ctx, "m", p.e.NewRequest(nil))
	assert.Equal(t, context.Canceled, err)
	p.silent()

	require.NoError(t, p.register(1, 1, packet.RegisterAdd, "m"))
	p.next(packet.TypeRegisterAck)
	done := p.call(background, p.e.Stream, "m", "")
	r, _ := p.nextRequest()
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	assert.NoError(t, get(t, done).err)
}

func TestCallThatGivesUpCancelsAndDropsTheLateAnswer(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	done := p.call(ctx, p.e.Stream, "m", "")
	r, f := p.nextRequest()
	cancel()
	assert.Equal(t, context.Canceled, get(t, done).err)
	c := p.next(packet.TypeCancel)
	assert.Equal(t, f.class, c.class, "CANCEL must not overtake what it withdraws")
	head, err := packet.ParseCancel(c.payload)
	require.NoError(t, err)
	assert.Equal(t, packet.Cancel{Kind: packet.BodyRequest, ID: r.ID}, head)
	p.respond(1, r.ID, packet.CodeOK, "", "", "late")
	p.silent()
}

func TestRemoteErrorAfterTheEndOfTheContextIsTheContextsError(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	c := new(call)
	require.NoError(t, p.e.beginCall(c, "m", p.e.NewRequest(nil)))
	patience := p.e.patience(ctx, 0)
	require.NoError(t, p.e.sendCall(c, "m", p.e.NewRequest(nil), &patience))
	p.respond(1, c.fields.ID, packet.CodeError, "words", "", "")
	cancel()
	p.e.Stream.mu.Lock()
	_, err := p.e.endCall(c, &patience, errHalted)
	assert.Equal(t, context.Canceled, err)
}

func TestCallInFlightLearnsWhetherItMayHaveRun(t *testing.T) {
	for name, test := range map[string]struct {
		end   func(*script)
		stuck bool
		maybe bool
		cause error
	}{
		"closed here, sent":                     {func(p *script) { go p.e.Close() }, false, true, net.ErrClosed},
		"closed here, sent later":               {func(p *script) { go p.e.Close() }, true, true, net.ErrClosed},
		"lost":                                  {func(p *script) { p.lose() }, false, true, geminio.ErrSessionLost},
		"lost before it left":                   {func(p *script) { p.lose() }, true, false, geminio.ErrSessionLost},
		"closed by the peer":                    {func(p *script) { p.e.mux.HandleClose(packet.CodeClosed, "") }, false, true, io.ErrClosedPipe},
		"closed by the peer before it has left": {func(p *script) { p.e.mux.HandleClose(packet.CodeClosed, "") }, true, false, io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			if test.stuck {
				p.c.hold(packet.Messages)
			}
			done := p.call(background, p.e.Stream, "m", "")
			p.nextRequest()
			test.end(p)
			err := get(t, done).err
			var callError *geminio.CallError
			require.ErrorAs(t, err, &callError)
			assert.ErrorIs(t, callError, test.cause)
			assert.Equal(t, test.maybe, callError.MaybeExecuted)
			assert.NotEqual(t, io.EOF, err)
			_, err = p.e.Call(background, "m", p.e.NewRequest(nil))
			assert.True(t, err == io.EOF, "begun later: io.EOF itself, not %v", err)
		})
	}
}

func TestCallsWaitForCreditInOrderAndSayBlocked(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.CallCredit.Requests = 1 })
	first := p.call(background, p.e.Stream, "m", "1")
	r1, _ := p.nextRequest()
	second := p.call(background, p.e.Stream, "m", "2")
	b := p.next(packet.TypeBlocked)
	blocked, err := packet.ParseBlocked(b.header, b.payload)
	require.NoError(t, err)
	assert.Equal(t, packet.Blocked{What: packet.BlockedRequests, At: 1}, blocked)

	ctx, cancel := context.WithCancel(background)
	third := p.call(ctx, p.e.Stream, "m", "3")
	p.until("two that wait", func() bool {
		p.e.requests.mu.Lock()
		defer p.e.requests.mu.Unlock()
		return p.e.requests.waiting.Len() == 2
	})
	cancel()
	assert.Equal(t, context.Canceled, get(t, third).err, "a context ends the wait for credit")
	p.silent()

	p.must(packet.TypeCreditCall, 0, 0, packet.AppendCreditCall(nil, packet.CreditCall{Requests: 2, RequestBytes: 128 << 10, ResponseBytes: 128 << 10}))
	r2, _ := p.nextRequest()
	assert.Equal(t, "2", string(r2.Data))
	p.respond(1, r1.ID, packet.CodeOK, "", "", "")
	p.respond(1, r2.ID, packet.CodeOK, "", "", "")
	assert.NoError(t, get(t, first).err)
	assert.NoError(t, get(t, second).err)
	assert.Error(t, p.send(packet.TypeCreditCall, 0, 0, packet.AppendCreditCall(nil, packet.CreditCall{Requests: 1})), "a limit never falls")
}

func TestCallThatWaitsForCreditEndsWithTheStreamUnexecuted(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.CallCredit.Requests = 0 })
	done := p.call(background, p.e.Stream, "m", "")
	p.next(packet.TypeMethodDef)
	p.next(packet.TypeBlocked)
	p.lose()
	var callError *geminio.CallError
	require.ErrorAs(t, get(t, done).err, &callError)
	assert.False(t, callError.MaybeExecuted)
}

func TestCallThatWaitsForRoomHonoursContextAndEnd(t *testing.T) {
	for name, end := range map[string]func(*script, func()){
		"context": func(_ *script, cancel func()) { cancel() },
		"close":   func(p *script, _ func()) { go p.e.Close() },
		"loss":    func(p *script, _ func()) { p.lose() },
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			p.c.fill(packet.Messages)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			done := p.call(ctx, p.e.Stream, "m", "")
			p.next(packet.TypeMethodDef)
			p.until("a wait for room", func() bool {
				p.c.mu.Lock()
				defer p.c.mu.Unlock()
				return len(p.c.waiting[packet.Messages]) == 1
			})
			end(p, cancel)
			err := get(t, done).err
			require.Error(t, err)
			var callError *geminio.CallError
			if errors.As(err, &callError) {
				assert.False(t, callError.MaybeExecuted)
			} else {
				assert.Equal(t, context.Canceled, err)
			}
			used := p.e.requests.items.used
			assert.Zero(t, used, "credit of what was not sent is given back")
		})
	}
}
