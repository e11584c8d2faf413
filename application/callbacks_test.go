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
	"github.com/singchia/geminio/options"
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

func withWait(wait bool) *options.OpenStreamOptions {
	opt := options.OpenStream()
	opt.SetWait(wait)
	return opt
}

// opening opens a stream in the background.
func (p *script) opening(opts ...*options.OpenStreamOptions) (<-chan geminio.Stream, <-chan error) {
	streams, errs := make(chan geminio.Stream, 1), make(chan error, 1)
	go func() {
		if s, err := p.e.OpenStream(opts...); err != nil {
			errs <- err
		} else {
			streams <- s
		}
	}()
	return streams, errs
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

func TestAcceptStreamKeepsTheOrderOfOpening(t *testing.T) {
	d := newDiary()
	first := make(chan struct{})
	d.online = func(s delegate.DialogueDescriber) error {
		if s.DialogueID() == 2 {
			<-first
		}
		if s.DialogueID() == 6 {
			return errors.New("refused")
		}
		return nil
	}
	p := play(t, d.config)
	accepted := make(chan uint64, 3)
	for range 3 {
		go func() {
			s, err := p.e.Accept()
			if assert.NoError(t, err) {
				accepted <- s.(geminio.Stream).StreamID()
			}
		}()
	}
	for _, id := range []uint32{2, 4, 6, 8} {
		p.open(id)
	}
	seen := map[packet.Type]int{}
	for range 3 { // 4 and 8 are answered, 6 is refused; 2 still waits for its callback
		p.until("an answer", func() bool {
			f, ok := p.poll()
			if ok {
				seen[f.header.Type]++
			}
			return ok
		})
	}
	assert.Equal(t, map[packet.Type]int{packet.TypeOpened: 2, packet.TypeReset: 1}, seen)
	none(t, accepted)
	close(first)
	got := []uint64{get(t, accepted), get(t, accepted), get(t, accepted)}
	assert.ElementsMatch(t, []uint64{2, 4, 8}, got)
	assert.Len(t, p.e.ListStreams(), 4)
}

func TestAcceptStreamDrainsThenEOF(t *testing.T) {
	p := play(t)
	p.open(2)
	p.open(4)
	p.lose()
	for range 2 {
		s, err := p.e.AcceptStream()
		require.NoError(t, err)
		_, err = s.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	_, err := p.e.AcceptStream()
	assert.True(t, err == io.EOF)
	_, err = p.e.OpenStream()
	assert.True(t, err == io.EOF)
	_, err = p.e.Accept()
	assert.True(t, err == io.EOF)
}

func TestCloseWakesAcceptStream(t *testing.T) {
	p := play(t)
	errs := make(chan error, 2)
	for range 2 {
		go func() { _, err := p.e.AcceptStream(); errs <- err }()
	}
	p.until("waiting accepts", func() bool { p.e.mu.Lock(); defer p.e.mu.Unlock(); return p.e.accepted.waiting.Len() == 2 })
	require.NoError(t, p.e.Close())
	assert.Equal(t, io.EOF, get(t, errs))
	assert.Equal(t, io.EOF, get(t, errs))
	assert.NoError(t, p.e.Close())
	assert.Equal(t, 2, p.c.closed)
}

func TestOpenStreamReturnsWhenThePeerHasAnswered(t *testing.T) {
	d := newDiary()
	p := play(t, d.config)
	opt := options.OpenStream()
	opt.SetMeta([]byte("my meta"))
	opt.SetPeer("my name")
	streams, _ := p.opening(opt)
	f := p.next(packet.TypeOpen)
	none(t, streams)
	assert.Empty(t, d.all())
	assert.Len(t, p.e.ListStreams(), 1)
	p.must(packet.TypeOpened, 0, f.header.Stream, nil)
	s := get(t, streams)
	assert.Equal(t, []string{"online"}, d.all())
	assert.Equal(t, "my meta", string(s.Meta()))
	assert.Equal(t, "my name", s.Peer())
	assert.Equal(t, geminio.InitiatorSide, s.Side())
	assert.Equal(t, uint64(f.header.Stream), s.StreamID())
	assert.Equal(t, uint64(77), s.ClientID())
	list := p.e.ListStreams()
	require.Len(t, list, 2)
	assert.True(t, list[0] == geminio.Stream(p.e) && list[1] == s)
	require.NoError(t, s.Close())
	d.wants(p, "online", "offline", "closed")
	assert.Len(t, p.e.ListStreams(), 1)
}

func TestOpenStreamWithoutWaitingReturnsAtOnce(t *testing.T) {
	d := newDiary()
	p := play(t, d.config)
	streams, _ := p.opening(withWait(false))
	f := p.next(packet.TypeOpen)
	get(t, streams)
	d.wants(p, "online")
	p.must(packet.TypeReset, 0, f.header.Stream, packet.AppendReset(nil, uint32(packet.CodeRefused), "no"))
	d.wants(p, "online", "offline", "closed")
}

func TestOpenStreamFailsWhereEitherSideRefuses(t *testing.T) {
	d := newDiary()
	p := play(t, d.config)
	_, errs := p.opening()
	f := p.next(packet.TypeOpen)
	p.must(packet.TypeReset, 0, f.header.Stream, packet.AppendReset(nil, uint32(packet.CodeRefused), "no"))
	assert.Equal(t, &geminio.RemoteError{Code: uint16(packet.CodeRefused), Text: "no"}, get(t, errs))
	assert.Empty(t, d.all())

	mine := errors.New("not here")
	d.online = func(delegate.DialogueDescriber) error { return mine }
	_, errs = p.opening()
	f = p.next(packet.TypeOpen)
	p.must(packet.TypeOpened, 0, f.header.Stream, nil)
	assert.Equal(t, mine, get(t, errs))
	p.next(packet.TypeEnd)
	d.wants(p, "online")
}

func TestOpenStreamThatThePeerClosesAtOnceGivesEOF(t *testing.T) {
	d := newDiary()
	p := play(t, d.config)
	streams, _ := p.opening()
	f := p.next(packet.TypeOpen)
	p.must(packet.TypeEnd, 0, f.header.Stream, nil)
	s := get(t, streams)
	_, err := s.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
	d.wants(p, "online", "offline", "closed")

	_, errs := p.opening()
	p.next(packet.TypeEnd)
	p.next(packet.TypeOpen)
	p.lose()
	assert.True(t, get(t, errs) == io.EOF)
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
				p.until("CLOSED", func() bool { p.c.mu.Lock(); defer p.c.mu.Unlock(); return p.c.offline == 1 })
			}
			p.lose()
			assert.Len(t, d.all(), 7)
		})
	}
}

func TestWithoutCallbacksCloseIsAnsweredOnTheReader(t *testing.T) {
	p := play(t)
	p.e.mux.HandleClose(packet.CodeClosed, "")
	assert.Equal(t, 1, p.c.offline)
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
