package application

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func TestCallAsyncIsDeliveredOnceWithItsOutcome(t *testing.T) {
	p := play(t)
	req := p.e.NewRequest([]byte("x"))
	call, err := p.e.CallAsync(background, "m", req, nil)
	require.NoError(t, err)
	r, _ := p.nextRequest()
	p.respond(1, r.ID, packet.CodeOK, "", "", "answer")
	assert.Same(t, call, get(t, call.Done))
	assert.Equal(t, "answer", string(call.Response.Data()))
	assert.NoError(t, call.Error)
	assert.Equal(t, "m", call.Method)
	assert.Same(t, req, call.Request)
	p.respond(1, r.ID, packet.CodeOK, "", "", "again")
	none(t, call.Done)

	failed, err := p.e.CallAsync(background, "m", req, nil)
	require.NoError(t, err)
	r, _ = p.nextRequest()
	p.respond(1, r.ID, packet.CodeError, "words", "", "")
	get(t, failed.Done)
	assert.Nil(t, failed.Response)
	assert.EqualError(t, failed.Error, "words")
}

func TestCallAsyncHonoursContextTimeoutAndEnd(t *testing.T) {
	for name, test := range map[string]struct {
		opts []*options.CallOptions
		end  func(*script, func())
		want error
	}{
		"context": {nil, func(_ *script, cancel func()) { cancel() }, context.Canceled},
		"timeout": {[]*options.CallOptions{withTimeout(1000)}, func(*script, func()) {}, geminio.ErrTimeout},
		"loss":    {nil, func(p *script, _ func()) { p.lose() }, geminio.ErrSessionLost},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			p.call(background, p.e.Stream, "m", "")
			p.nextRequest() // the method is known
			call, err := p.e.CallAsync(ctx, "m", p.e.NewRequest(nil), nil, test.opts...)
			if err != nil {
				assert.Equal(t, test.want, err) // it may be over before it was sent
				return
			}
			p.nextRequest()
			test.end(p, cancel)
			get(t, call.Done)
			assert.ErrorIs(t, call.Error, test.want)
			if name != "loss" {
				p.nextCancel()
			}
		})
	}
}

func TestCallAsyncThatCannotBeSentIsNotDelivered(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.CallCredit.Requests = 0 })
	ctx, cancel := context.WithCancel(background)
	errs := make(chan error, 1)
	ch := make(chan *geminio.Call, 1)
	go func() {
		_, err := p.e.CallAsync(ctx, "m", p.e.NewRequest(nil), ch)
		errs <- err
	}()
	p.next(packet.TypeMethodDef)
	p.next(packet.TypeBlocked)
	cancel()
	assert.Equal(t, context.Canceled, get(t, errs))
	_, err := p.e.CallAsync(background, "m", p.e.NewRequest(make([]byte, 1<<20+1)), ch)
	assert.Equal(t, packet.ErrPacketTooLarge, err)
	p.lose()
	_, err = p.e.CallAsync(background, "m", p.e.NewRequest(nil), ch)
	assert.True(t, err == io.EOF)
	none(t, ch)
}

func TestCallAsyncThatIsGivenUpInTheMiddleOfItsContentIsDelivered(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	calls := make(chan *geminio.Call, 1)
	go func() {
		call, err := p.e.CallAsync(ctx, "m", p.e.NewRequest([]byte(strings.Repeat("x", 200<<10))), nil)
		assert.NoError(t, err)
		calls <- call
	}()
	p.nextRequest()
	cancel()
	call := get(t, calls)
	get(t, call.Done)
	assert.Equal(t, context.Canceled, call.Error)
	p.nextCancel()
}

func TestCompletionsNobodyReadsNeverBlockTheReader(t *testing.T) {
	p := play(t)
	for name, ch := range map[string]chan *geminio.Call{"unbuffered": make(chan *geminio.Call), "full": make(chan *geminio.Call, 1)} {
		var calls []*geminio.Call
		for i := range 4 {
			call, err := p.e.CallAsync(background, "m", p.e.NewRequest(nil), ch)
			require.NoError(t, err)
			calls = append(calls, call)
			r, _ := p.nextRequest()
			p.respond(1, r.ID, packet.CodeOK, "", "", fmt.Sprint(i))
			p.must(packet.TypeCreditCall, 0, 0, packet.AppendCreditCall(nil, packet.CreditCall{Requests: 100, RequestBytes: 128 << 10, ResponseBytes: 128 << 10}))
		}
		for i := range 4 {
			assert.Same(t, calls[i], get(t, ch), "%s: in order", name)
		}
	}
}

func TestChannelThatItsOwnerClosedLosesItsCompletions(t *testing.T) {
	p := play(t)
	ch := make(chan *geminio.Call)
	_, err := p.e.CallAsync(background, "m", p.e.NewRequest(nil), ch)
	require.NoError(t, err)
	r, _ := p.nextRequest()
	close(ch)
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	done := p.call(background, p.e.Stream, "m", "")
	r, _ = p.nextRequest()
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	assert.NoError(t, get(t, done).err)
}

func TestPublishAsyncIsDeliveredOnceWithItsOutcome(t *testing.T) {
	for _, cnss := range []options.Cnss{0, options.CnssAtMostOnce, options.CnssAtLeastOnce} {
		p := play(t)
		msg := p.e.NewMessage([]byte("x"), withCnss(cnss))
		pub, err := p.e.PublishAsync(background, msg, nil)
		require.NoError(t, err)
		require.NotNil(t, pub)
		m, _ := p.nextMessage()
		if cnss != options.CnssAtMostOnce {
			none(t, pub.Done)
			p.ack(1, m.ID, packet.CodeError, "words")
		}
		assert.Same(t, pub, get(t, pub.Done))
		assert.Same(t, msg, pub.Message)
		if cnss == options.CnssAtMostOnce {
			assert.NoError(t, pub.Error)
		} else {
			assert.EqualError(t, pub.Error, "words")
		}
	}
}

func TestPublishAsyncHonoursContextAndEnd(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*script, func())
		want error
	}{
		"context": {func(_ *script, cancel func()) { cancel() }, context.Canceled},
		"loss":    {func(p *script, _ func()) { p.lose() }, geminio.ErrSessionLost},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			pub, err := p.e.PublishAsync(ctx, p.e.NewMessage(nil), nil)
			require.NoError(t, err)
			p.nextMessage()
			test.end(p, cancel)
			get(t, pub.Done)
			assert.ErrorIs(t, pub.Error, test.want)
			p.lose()
			_, err = p.e.PublishAsync(background, p.e.NewMessage(nil), nil)
			assert.True(t, err == io.EOF)
		})
	}
}
