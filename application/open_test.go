package application

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func withWait(wait bool) *options.OpenStreamOptions {
	opt := options.OpenStream()
	opt.SetWait(wait)
	return opt
}

// opening opens a stream in the background.
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

func TestRefusedStreamsDoNotUseUpTheOpenCredit(t *testing.T) {
	d := newDiary()
	d.online = func(delegate.DialogueDescriber) error { return errors.New("no") }
	p := play(t, d.config, func(c *Config) { c.Limits.OpenBacklog = 4 })
	credit := false
	for i := range uint32(4) {
		p.open(2 * (i + 1))
		p.until("the refusal", func() bool {
			f, ok := p.poll()
			credit = credit || ok && f.header.Type == packet.TypeCreditOpen
			return ok && f.header.Type == packet.TypeReset
		})
	}
	p.until("credit for more", func() bool {
		f, ok := p.poll()
		return credit || ok && f.header.Type == packet.TypeCreditOpen
	})
}

func TestLastStreamThatBecomesReadyAfterTheEndLeavesEOFToTheOthers(t *testing.T) {
	d := newDiary()
	release := make(chan struct{})
	d.online = func(delegate.DialogueDescriber) error { <-release; return nil }
	p := play(t, d.config)
	p.open(2)
	errs := make(chan error, 2)
	for range 2 {
		go func() { _, err := p.e.AcceptStream(); errs <- err }()
	}
	p.until("waiting accepts", func() bool { p.e.mu.Lock(); defer p.e.mu.Unlock(); return p.e.accepted.waiting.Len() == 2 })
	p.lose()
	p.until("both to have looked again", func() bool {
		p.e.mu.Lock()
		defer p.e.mu.Unlock()
		w := p.e.accepted.waiting.Front()
		return len(w.C) == 0 && len(w.Next().C) == 0
	})
	none(t, errs)
	close(release)
	assert.ElementsMatch(t, []error{nil, io.EOF}, []error{get(t, errs), get(t, errs)})
}
