package application

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

func (p *script) nextRegister() packet.Register {
	p.Helper()
	r, err := packet.ParseRegister(p.next(packet.TypeRegister).payload)
	require.NoError(p, err)
	return r
}

func (p *script) nextRegisterAck() packet.RegisterAck {
	p.Helper()
	a, err := packet.ParseRegisterAck(p.next(packet.TypeRegisterAck).payload)
	require.NoError(p, err)
	return a
}

func (p *script) registered(id uint64, code packet.Code, text string) {
	p.Helper()
	p.must(packet.TypeRegisterAck, 0, 1, packet.AppendRegisterAck(nil, id, code, text))
}

// registering registers in the background a handler that answers with says.
func (p *script) registering(ctx context.Context, method, says string) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- p.e.Register(ctx, method, func(_ context.Context, _ geminio.Request, rsp geminio.Response) { rsp.SetData([]byte(says)) })
	}()
	return done
}

// serves checks what answers to method.
func (p *script) serves(id uint64, method, says string) {
	p.Helper()
	p.request(1, id, method, nil)
	r := p.nextResponse()
	assert.Equal(p, says, string(r.Data)+string(r.Text))
}

func TestRegisterReturnsWhenThePeerKnowsAndServesAtOnce(t *testing.T) {
	p := play(t)
	done := p.registering(background, "m", "hello")
	r := p.nextRegister()
	assert.Equal(t, packet.RegisterAdd, r.Op)
	assert.Equal(t, "m", string(r.Name))
	p.serves(1, "m", "hello")
	none(t, done)
	p.registered(r.ID, packet.CodeOK, "")
	assert.NoError(t, get(t, done))

	again := p.registering(background, "m", "second")
	r = p.nextRegister()
	p.registered(r.ID, packet.CodeOK, "")
	assert.NoError(t, get(t, again))
	p.serves(2, "m", "second")
}

func TestRegisterThatFailsRestoresWhatServedBefore(t *testing.T) {
	p := play(t)
	first := p.registering(background, "m", "first")
	r := p.nextRegister()
	p.registered(r.ID, packet.CodeOK, "")
	require.NoError(t, get(t, first))

	ctx, cancel := context.WithCancel(background)
	second := p.registering(ctx, "m", "second")
	p.nextRegister()
	third := p.registering(background, "m", "third")
	r3 := p.nextRegister()
	cancel()
	assert.Equal(t, context.Canceled, get(t, second))
	p.serves(1, "m", "third")
	p.registered(r3.ID, packet.CodeRefused, "no")
	assert.Equal(t, geminio.ErrTooManyRegistrations, get(t, third))
	p.serves(2, "m", "first")
}

func TestRegisterThatIsGivenUpIsWithdrawn(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	done := p.registering(ctx, "m", "x")
	r := p.nextRegister()
	cancel()
	assert.Equal(t, context.Canceled, get(t, done))
	w := p.nextRegister()
	assert.Equal(t, packet.RegisterWithdraw, w.Op)
	p.serves(1, "m", "no such rpc: m")
	assert.Equal(t, 2, p.e.calls.unanswered)
	p.registered(r.ID, packet.CodeOK, "")
	p.registered(w.ID, packet.CodeOK, "")
	p.registered(99, packet.CodeOK, "")
	assert.Zero(t, p.e.calls.unanswered)
	slots := p.e.registerSlots.items
	assert.Equal(t, uint64(registrationsInFlight), slots.limit-slots.used)
}

func TestRegisterEndsWithTheStream(t *testing.T) {
	p := play(t)
	done := p.registering(background, "m", "x")
	p.nextRegister()
	p.lose()
	assert.True(t, get(t, done) == io.EOF)
	assert.True(t, p.e.Register(background, "m", echo) == io.EOF)
}

func TestRegistrationsOfThePeerAreAnsweredWhenTheDelegateWasTold(t *testing.T) {
	told := make(chan string, 1)
	release := make(chan struct{})
	p := play(t, func(c *Config) {
		c.RemoteRegistration = func(method string, clientID, streamID uint64) {
			told <- fmt.Sprint(method, " ", clientID, " ", streamID)
			<-release
			panic("a panic is logged")
		}
	})
	require.NoError(t, p.register(1, 5, packet.RegisterAdd, "m"))
	assert.Equal(t, "m 77 1", get(t, told))
	p.silent()
	close(release)
	a := p.nextRegisterAck()
	assert.Equal(t, uint64(5), a.ID)
	assert.Equal(t, packet.CodeOK, a.Code)
}

func TestRegistrationsOfThePeerAreBounded(t *testing.T) {
	p := play(t)
	add := func(id uint64, name string, want packet.Code) {
		require.NoError(t, p.register(1, id, packet.RegisterAdd, name))
		assert.Equal(t, want, p.nextRegisterAck().Code, name)
	}
	add(1, "a", packet.CodeOK)
	add(2, "b", packet.CodeOK)
	add(3, "c", packet.CodeOK)
	add(4, "d", packet.CodeRefused)
	add(5, "c", packet.CodeOK)
	require.NoError(t, p.register(1, 6, packet.RegisterWithdraw, "a"))
	assert.Equal(t, uint64(6), p.nextRegisterAck().ID)
	add(7, "d", packet.CodeOK)
	p.open(2)
	p.next(packet.TypeOpened)
	require.NoError(t, p.register(2, 1, packet.RegisterAdd, "x"))
	assert.Equal(t, packet.CodeRefused, p.nextRegisterAck().Code, "they count on all streams together")

	for i := range maxUnanswered {
		require.NoError(t, p.register(1, uint64(100+i), packet.RegisterAdd, "a"))
	}
	assert.ErrorIs(t, p.register(1, 999, packet.RegisterAdd, "a"), errUnanswered)
}

func TestEndOfAStreamGivesItsRegistrationsBack(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p := play(t, func(c *Config) {
		c.RemoteRegistration = func(string, uint64, uint64) { <-release }
	})
	for id := range uint32(3) {
		stream := 2 * (id + 1)
		p.open(stream)
		p.next(packet.TypeOpened)
		for i := range 120 {
			require.NoError(t, p.register(stream, uint64(i), packet.RegisterAdd, "m"))
		}
		p.must(packet.TypeEnd, 0, stream, nil)
		p.next(packet.TypeEnd)
	}
	assert.Zero(t, p.e.registrar.names)
	assert.Zero(t, p.e.registrar.unanswered)
	assert.Equal(t, maxUnanswered, p.e.registrar.running)
	assert.Empty(t, p.e.registrar.waiting)
}

func TestSetupRegistersAndWaitsInEitherOrder(t *testing.T) {
	p := play(t, func(c *Config) {
		c.LocalMethods = []*geminio.MethodRPC{{Method: "a", RPC: echo}, nil, {Method: "b", RPC: echo}}
		c.RemoteMethods = []string{"x", "y"}
	})
	require.NoError(t, p.register(1, 1, packet.RegisterAdd, "x"))
	p.next(packet.TypeRegisterAck)
	done := make(chan error, 1)
	go func() { done <- p.e.Setup() }()
	a, b := p.nextRegister(), p.nextRegister()
	p.registered(b.ID, packet.CodeOK, "")
	p.registered(a.ID, packet.CodeOK, "")
	none(t, done)
	require.NoError(t, p.register(1, 2, packet.RegisterAdd, "y"))
	assert.NoError(t, get(t, done))
}

func TestSetupFailsWhenTheConnectionEndsOrThePeerRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		then func(*script, packet.Register)
		want error
	}{
		"lost":         {func(p *script, _ packet.Register) { p.lose() }, io.ErrUnexpectedEOF},
		"lost waiting": {func(p *script, r packet.Register) { p.registered(r.ID, packet.CodeOK, ""); p.lose() }, io.ErrUnexpectedEOF},
		"refused":      {func(p *script, r packet.Register) { p.registered(r.ID, packet.CodeRefused, "") }, geminio.ErrTooManyRegistrations},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, func(c *Config) {
				c.LocalMethods = []*geminio.MethodRPC{{Method: "a", RPC: echo}}
				c.RemoteMethods = []string{"x"}
			})
			done := make(chan error, 1)
			go func() { done <- p.e.Setup() }()
			test.then(p, p.nextRegister())
			err := get(t, done)
			assert.True(t, errors.Is(err, test.want), "%v", err)
		})
	}
}

func TestMoreLocalMethodsThanMayBeUnansweredAreRegistered(t *testing.T) {
	p := play(t, func(c *Config) {
		for i := range 3 * registrationsInFlight {
			c.LocalMethods = append(c.LocalMethods, &geminio.MethodRPC{Method: fmt.Sprint(i), RPC: echo})
		}
	})
	done := make(chan error, 1)
	go func() { done <- p.e.Setup() }()
	for round := 0; round < 3; round++ {
		var ids []uint64
		for range registrationsInFlight {
			ids = append(ids, p.nextRegister().ID)
		}
		p.silent()
		for _, id := range ids {
			p.registered(id, packet.CodeOK, "")
		}
	}
	assert.NoError(t, get(t, done))
}

func TestEndOfAStreamFreesTheRoomOfItsUnansweredRegistrations(t *testing.T) {
	p := play(t)
	p.open(2)
	p.next(packet.TypeOpened)
	s, err := p.e.AcceptStream()
	require.NoError(t, err)
	errs := make(chan error, registrationsInFlight)
	for i := range registrationsInFlight {
		go func() { errs <- s.Register(background, fmt.Sprint(i), echo) }()
	}
	for range registrationsInFlight {
		p.nextRegister()
	}
	waiting := p.registering(background, "m", "x")
	p.silent()
	p.must(packet.TypeEnd, 0, 2, nil)
	for range registrationsInFlight {
		assert.Equal(t, io.EOF, get(t, errs))
	}
	var got []packet.Type // in either order: they are of different streams
	for range 2 {
		f := p.nextOf(packet.TypeEnd, packet.TypeRegister)
		got = append(got, f.header.Type)
		if f.header.Type == packet.TypeRegister {
			r, err := packet.ParseRegister(f.payload)
			require.NoError(t, err)
			p.registered(r.ID, packet.CodeOK, "")
		}
	}
	assert.ElementsMatch(t, []packet.Type{packet.TypeEnd, packet.TypeRegister}, got)
	assert.NoError(t, get(t, waiting))
}

func TestLocalMethodsAreServedFromTheFirstRequestOn(t *testing.T) {
	p := play(t, func(c *Config) { c.LocalMethods = []*geminio.MethodRPC{{Method: "a", RPC: echo}, nil} })
	p.request(1, 1, "a", []byte("before Setup"))
	assert.Equal(t, "before Setup", string(p.nextResponse().Data))
}
