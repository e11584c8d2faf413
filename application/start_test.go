package application

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// start starts a call whose outcome comes on the channel.
func (p *script) start(ctx context.Context, method, data string, timeout time.Duration) (<-chan result, error) {
	done := make(chan result, 2)
	err := p.e.StartCall(ctx, method, p.e.NewRequest([]byte(data)), timeout, func(rsp geminio.Response, err error) { done <- result{rsp, err} })
	return done, err
}

// startPublish starts a publication whose outcome comes on the channel.
func (p *script) startPublish(ctx context.Context, data string, cnss options.Cnss, again Again) (<-chan error, error) {
	done := make(chan error, 2)
	err := p.e.StartPublish(ctx, p.e.NewMessage([]byte(data), withCnss(cnss)), 0, again, func(err error) { done <- err })
	return done, err
}

func TestStartedCallIsToldItsOutcomeOnce(t *testing.T) {
	for name, test := range map[string]struct {
		timeout time.Duration
		end     func(p *script, id uint64, cancel func())
		want    error
	}{
		"answered":           {0, func(p *script, id uint64, _ func()) { p.respond(1, id, packet.CodeOK, "", "", "answer") }, nil},
		"refused":            {0, func(p *script, id uint64, _ func()) { p.respond(1, id, packet.CodeError, "words", "", "") }, &geminio.RemoteError{Code: 1, Text: "words"}},
		"context":            {0, func(_ *script, _ uint64, cancel func()) { cancel() }, context.Canceled},
		"timeout":            {50 * time.Millisecond, func(*script, uint64, func()) {}, geminio.ErrTimeout},
		"closed here":        {0, func(p *script, _ uint64, _ func()) { p.e.Close() }, &geminio.CallError{Err: net.ErrClosed, MaybeExecuted: true}},
		"closed by the peer": {0, func(p *script, _ uint64, _ func()) { p.e.mux.HandleClose(0, "") }, &geminio.CallError{Err: &geminio.StreamError{Remote: true}, MaybeExecuted: true}},
		"lost":               {0, func(p *script, _ uint64, _ func()) { p.lose() }, &geminio.CallError{Err: geminio.ErrSessionLost, MaybeExecuted: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			warm := p.call(background, p.e.Stream, "m", "")
			r, _ := p.nextRequest()
			p.respond(1, r.ID, packet.CodeOK, "", "", "")
			get(t, warm)

			done, err := p.start(ctx, "m", "x", test.timeout)
			require.NoError(t, err)
			r, _ = p.nextRequest()
			test.end(p, r.ID, cancel)
			got := get(t, done)
			assert.Equal(t, test.want, got.err)
			if test.want == nil {
				assert.Equal(t, "answer", string(got.rsp.Data()))
			} else {
				assert.Nil(t, got.rsp)
			}
			_ = p.send(packet.TypeResponse, 0, 1, packet.AppendResponse(nil, packet.ResponseFields{ID: r.ID}, ""))
			cancel()
			p.lose()
			none(t, done)
		})
	}
}

func TestStartThatFailsIsNotToldAnything(t *testing.T) {
	p := play(t)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	check := func(ctx context.Context, timeout time.Duration, want error) {
		t.Helper()
		msg, req := p.e.NewMessage(nil), p.e.NewRequest(nil)
		assert.Equal(t, want, p.e.StartCall(ctx, "m", req, timeout, func(geminio.Response, error) { t.Error("told") }))
		assert.Equal(t, want, p.e.StartPublish(ctx, msg, timeout, Again{}, func(error) { t.Error("told") }))
	}
	check(cancelled, 0, context.Canceled)
	check(background, -1, geminio.ErrTimeout)
	p.silent()

	p.c.fill(packet.Control) // the definition of the method goes there
	p.c.fill(packet.Messages)
	check(background, 1, geminio.ErrTimeout)
	p.c.free(packet.Control)
	p.lose()
	check(background, 0, io.EOF)
}

func TestStartThatTheLossOvertakesSaysNotExecuted(t *testing.T) {
	p := play(t)
	p.c.fill(packet.Messages)
	errs := make(chan error, 2)
	go func() {
		errs <- p.e.StartCall(background, "m", p.e.NewRequest(nil), 0, func(geminio.Response, error) { t.Error("told") })
	}()
	go func() {
		errs <- p.e.StartPublish(background, p.e.NewMessage(nil), 0, Again{}, func(error) { t.Error("told") })
	}()
	p.until("two that wait for room", func() bool { return p.c.waits(packet.Messages) == 2 })
	p.lose()
	p.c.free(packet.Messages)
	for range 2 {
		assert.Equal(t, &geminio.CallError{Err: geminio.ErrSessionLost}, get(t, errs))
	}
}

func TestStartThatEndsInTheMiddleOfItsContentIsToldSo(t *testing.T) {
	p := play(t)
	large := strings.Repeat("x", 200<<10)
	p.c.allow(packet.Bulk, 1) // the announcement
	done, returned := make(chan result, 2), make(chan error, 1)
	go func() {
		returned <- p.e.StartCall(background, "m", p.e.NewRequest([]byte(large)), 0, func(rsp geminio.Response, err error) { done <- result{rsp, err} })
	}()
	p.nextRequest()
	p.lose()
	assert.NoError(t, get(t, returned))
	assert.Equal(t, &geminio.CallError{Err: geminio.ErrSessionLost, MaybeExecuted: true}, get(t, done).err)
	none(t, done)
}

// What was started is told of the loss before the End is: whoever keeps
// accounts over sessions knows all by then.
func TestStartedAreToldOfTheLossBeforeConnOffline(t *testing.T) {
	offline := make(chan int, 1)
	told := make(chan error, 100)
	p := play(t, func(c *Config) { c.ConnOffline = func() { offline <- len(told) } })
	warm := p.call(background, p.e.Stream, "m", "")
	r, _ := p.nextRequest()
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	get(t, warm)
	for range 5 {
		require.NoError(t, p.e.StartCall(background, "m", p.e.NewRequest(nil), 0, func(_ geminio.Response, err error) { told <- err }))
	}
	for range 20 {
		require.NoError(t, p.e.StartPublish(background, p.e.NewMessage(nil), 0, Again{}, func(err error) { told <- err }))
	}
	p.lose()
	assert.Len(t, told, 25, "before HandleClosed returns")
	assert.Equal(t, 25, get(t, offline))
}

func TestStartedThatNeverLeftIsNotExecuted(t *testing.T) {
	p := play(t)
	warm := p.call(background, p.e.Stream, "m", "")
	r, _ := p.nextRequest()
	p.respond(1, r.ID, packet.CodeOK, "", "", "")
	get(t, warm)
	p.c.hold(packet.Messages) // as while there is no transport
	call, err := p.start(background, "m", "x", 0)
	require.NoError(t, err)
	pub, err := p.startPublish(background, "x", 0, Again{})
	require.NoError(t, err)
	p.lose()
	assert.Equal(t, &geminio.CallError{Err: geminio.ErrSessionLost}, get(t, call).err)
	assert.Equal(t, &geminio.CallError{Err: geminio.ErrSessionLost}, get(t, pub))
}

func TestStartedPublicationCarriesWhatItHasToDoWithEarlierSessions(t *testing.T) {
	p := play(t)
	for _, test := range []struct {
		cnss  options.Cnss
		again Again
		id    uint64
		flags uint8
	}{
		{0, Again{}, 1, 0},
		{options.CnssAtLeastOnce, Again{Redelivered: true}, 2, packet.MessageRedelivered},
		{options.CnssAtEffectiveOnce, Again{ID: 1}, sequenceBit | 1, 0},
		{options.CnssAtEffectiveOnce, Again{ID: 2, Redelivered: true}, sequenceBit | 2, packet.MessageRedelivered},
		{options.CnssAtEffectiveOnce, Again{}, 3, 0},
	} {
		done, err := p.startPublish(background, "x", test.cnss, test.again)
		require.NoError(t, err)
		m, _ := p.nextMessage()
		assert.Equal(t, test.id, m.ID)
		assert.Equal(t, test.flags, m.Flags)
		none(t, done)
		p.ack(1, m.ID, packet.CodeOK, "")
		assert.NoError(t, get(t, done))
		none(t, done)
	}
	done, err := p.startPublish(background, "x", options.CnssAtMostOnce, Again{})
	require.NoError(t, err)
	assert.NoError(t, get(t, done), "it is committed")
}

func TestStartedPublicationThatIsGivenUpIsWithdrawn(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	done, err := p.startPublish(ctx, "x", options.CnssAtEffectiveOnce, Again{ID: 9})
	require.NoError(t, err)
	p.nextMessage()
	cancel()
	assert.Equal(t, context.Canceled, get(t, done))
	assert.Equal(t, packet.Cancel{Kind: packet.BodyMessage, ID: sequenceBit | 9}, p.nextCancel())
}

func TestRequestsAndMessagesOfFormerEndsMayBeSent(t *testing.T) {
	p := play(t, func(c *Config) { c.FormerIDs = []uint64{5, 6} })
	for id, want := range map[uint64]error{5: nil, 6: nil, 77: nil, 7: ErrMismatchClientID} {
		req, msg := p.e.NewRequest(nil), p.e.NewMessage(nil, withCnss(options.CnssAtMostOnce))
		req.SetClientID(id)
		msg.SetClientID(id)
		_, err := p.e.CallAsync(background, "m", req, nil)
		assert.Equal(t, want, err, "%d", id)
		assert.Equal(t, want, p.e.Publish(background, msg), "%d", id)
	}
}

func TestOutcomeMayStartTheNext(t *testing.T) {
	p := play(t)
	second := make(chan error, 1)
	require.NoError(t, p.e.StartPublish(background, p.e.NewMessage(nil), 0, Again{}, func(error) {
		go func() {
			_, err := p.startPublish(background, "second", options.CnssAtMostOnce, Again{})
			second <- err
		}()
		assert.NoError(t, p.e.StartCall(background, "m", p.e.NewRequest(nil), 0, func(geminio.Response, error) {}), "no lock is held")
	}))
	m, _ := p.nextMessage()
	p.ack(1, m.ID, packet.CodeError, errors.New("words").Error())
	assert.NoError(t, get(t, second))
}
