package application

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/packet"
)

// A diary keeps what callbacks were called, in order.
type diary struct {
	mu      sync.Mutex
	entries []string
	news    chan struct{}

	online func(delegate.DialogueDescriber) error
}

func newDiary() *diary { return &diary{news: make(chan struct{}, 100)} }

func (d *diary) write(entry string) {
	d.mu.Lock()
	d.entries = append(d.entries, entry)
	d.mu.Unlock()
	d.news <- struct{}{}
}

func (d *diary) DialogueOnline(s delegate.DialogueDescriber) error {
	d.write("online")
	if d.online != nil {
		return d.online(s)
	}
	return nil
}

func (d *diary) DialogueOffline(delegate.DialogueDescriber) error {
	d.write("offline")
	return errors.New("is logged")
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.entries...)
}

// wants waits until the diary has as many entries, which must be these.
func (d *diary) wants(p *script, entries ...string) {
	p.Helper()
	p.until("entries", func() bool { return len(d.all()) >= len(entries) })
	assert.Equal(p, entries, d.all())
}

func (d *diary) config(c *Config) {
	c.Dialogues = d
	c.ClosedStreamFunc = func(geminio.Stream) { d.write("closed") }
	c.ConnOffline = func() { d.write("conn offline") }
}

func TestAcceptedStreamHasItsCallbacksInOrder(t *testing.T) {
	d := newDiary()
	release := make(chan struct{})
	p := play(t, d.config, func(c *Config) {
		c.AcceptStreamFunc = func(s geminio.Stream) {
			assert.Equal(t, "its meta", string(s.Meta()))
			assert.Equal(t, "its name", s.Peer())
			assert.Equal(t, geminio.RecipientSide, s.Side())
			d.write("accept")
			<-release
		}
	})
	p.open(2)
	d.wants(p, "online", "accept")
	p.silent() // OPENED follows the end of AcceptStreamFunc
	assert.Len(t, p.e.ListStreams(), 2)
	p.must(packet.TypeEnd, 0, 2, nil)
	p.next(packet.TypeEnd)
	assert.Len(t, p.e.ListStreams(), 1)
	d.wants(p, "online", "accept")
	close(release)
	d.wants(p, "online", "accept", "offline", "closed")
	_, err := p.e.AcceptStream()
	assert.Equal(t, ErrAcceptChNotEnabled, err)
	assert.Equal(t, "accept channel not enabled", err.Error())
	p.lose()
	d.wants(p, "online", "accept", "offline", "closed", "conn offline")
}

func TestStreamIsRefusedWhereDialogueOnlineFails(t *testing.T) {
	for name, online := range map[string]func(delegate.DialogueDescriber) error{
		"error":  func(delegate.DialogueDescriber) error { return errors.New("words") },
		"panic":  func(delegate.DialogueDescriber) error { panic("x") },
		"goexit": func(delegate.DialogueDescriber) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDiary()
			d.online = online
			p := play(t, d.config)
			left := p.e.budget.Left()
			p.open(2)
			r, err := packet.ParseReset(p.next(packet.TypeReset).payload)
			require.NoError(t, err)
			assert.Equal(t, uint32(packet.CodeRefused), r.Code)
			if name == "error" {
				assert.Equal(t, "words", string(r.Text))
			}
			p.until("the room of the stream", func() bool { return p.e.budget.Left() >= left })
			p.lose()
			d.wants(p, "online", "conn offline")
			_, err = p.e.AcceptStream()
			assert.Equal(t, io.EOF, err)
		})
	}
}

func TestFarewellComesOnceForEveryStreamAndConnOfflineLast(t *testing.T) {
	for name, end := range map[string]func(*script){
		"closed here":        func(p *script) { _ = p.e.Close(); p.e.mux.HandleClosed(nil) },
		"closed by the peer": func(p *script) { p.e.mux.HandleClose(packet.CodeClosed, "") },
		"lost":               func(p *script) { p.lose() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDiary()
			p := play(t, d.config)
			for _, id := range []uint32{2, 4} {
				p.open(id)
				p.next(packet.TypeOpened)
			}
			end(p)
			p.until("entries", func() bool { return len(d.all()) == 7 })
			all := d.all()
			assert.Equal(t, "conn offline", all[6])
			assert.ElementsMatch(t, []string{"online", "online", "offline", "offline", "closed", "closed"}, all[:6])
			if name == "closed by the peer" {
				p.until("CLOSED", func() bool { return p.c.farewells() == 1 })
			}
			p.lose()
			assert.Len(t, d.all(), 7)
		})
	}
}

func TestWithoutCallbacksCloseIsAnsweredOnTheReader(t *testing.T) {
	p := play(t)
	p.e.mux.HandleClose(packet.CodeClosed, "")
	assert.Equal(t, 1, p.c.farewells())
}

func TestEndKeepsItsIdentityAfterClose(t *testing.T) {
	p := play(t)
	require.NoError(t, p.e.Close())
	p.lose()
	assert.Equal(t, uint64(77), p.e.ClientID())
	assert.Equal(t, "meta", string(p.e.Meta()))
	assert.Equal(t, uint64(1), p.e.StreamID())
	assert.Equal(t, geminio.InitiatorSide, p.e.Side())
	assert.Equal(t, "here", p.e.LocalAddr().String())
	assert.Equal(t, "here", p.e.Addr().String())
	assert.Equal(t, "there", p.e.RemoteAddr().String())
	assert.Empty(t, p.e.ListStreams())
}

func TestDescriberTellsWhoTheStreamIs(t *testing.T) {
	got := make(chan delegate.DialogueDescriber, 1)
	d := newDiary()
	d.online = func(s delegate.DialogueDescriber) error { got <- s; return nil }
	p := play(t, d.config)
	p.open(2)
	s := get(t, got)
	assert.Equal(t, uint64(2), s.DialogueID())
	assert.Equal(t, uint64(2), s.NegotiatingID())
	assert.Equal(t, uint64(77), s.ClientID())
	assert.Equal(t, "its meta", string(s.Meta()))
	assert.Equal(t, geminio.RecipientSide, s.Side())
}

func TestUnknownFramesEndTheConnection(t *testing.T) {
	p := play(t)
	assert.ErrorIs(t, p.e.HandleFrame(packet.Header{Type: 0x90}, nil), errUnexpectedFrame)
	assert.ErrorIs(t, p.e.Stream.HandleFrame(packet.Header{Type: 0x90, Stream: 1}, nil), errUnexpectedFrame)
	for _, typ := range []packet.Type{
		packet.TypeRequest, packet.TypeResponse, packet.TypeMessage, packet.TypeMessageAck, packet.TypeCreditMessage,
		packet.TypeGrant, packet.TypeCancel, packet.TypeRegister, packet.TypeRegisterAck, packet.TypeBlocked,
	} {
		err := p.e.Stream.HandleFrame(packet.Header{Type: typ, Stream: 1}, nil)
		assert.ErrorIs(t, err, packet.ErrMalformed, typ.String())
	}
	for _, typ := range []packet.Type{packet.TypeMethodDef, packet.TypeCreditCall, packet.TypeBlocked, packet.TypeRequest, packet.TypeResponse} {
		assert.ErrorIs(t, p.e.HandleFrame(packet.Header{Type: typ}, nil), packet.ErrMalformed, typ.String())
	}
}

func TestFramesForWhatIsUnknownAreIgnored(t *testing.T) {
	p := play(t)
	for kind := packet.BodyRequest; kind <= packet.BodyMessage; kind++ {
		head := packet.BodyHead{Kind: kind, ID: 9}
		p.must(packet.TypeGrant, 0, 1, packet.AppendGrant(nil, packet.Grant(head)))
		p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel(head)))
		assert.NoError(t, p.body(1, head, []byte("x")))
	}
	p.ack(1, 9, packet.CodeOK, "")
	p.registered(9, packet.CodeOK, "")
	p.respond(1, 9, packet.CodeOK, "", "", "x")
	p.silent()
}
