package multiplexer

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// opensOf returns what the CREDIT_OPEN frames among frames allow.
func opensOf(t *testing.T, frames []frame) (all []packet.CreditOpen) {
	for _, f := range of(frames, packet.TypeCreditOpen) {
		c, err := packet.ParseCreditOpen(f.b)
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}

func backlog(n int) func(*Config) { return func(c *Config) { c.OpenBacklog = n } }

func TestThePeerMayOpenWhatIsAcceptedAndABacklog(t *testing.T) {
	s := newScripted(t, backlog(8))
	next := uint32(2)
	open := func() {
		t.Helper()
		require.NoError(t, s.peerOpens(next))
		next += 2
	}
	for range 8 {
		open()
	}
	require.Empty(t, s.compose())
	s.m.Accepted()
	got := opensOf(t, s.compose())
	require.Len(t, got, 1)
	require.EqualValues(t, 9, got[0].Opens)
	for range 7 {
		s.m.Accepted()
	}
	got = opensOf(t, s.compose())
	require.Len(t, got, 1)
	require.EqualValues(t, 16, got[0].Opens)
	for range 4 {
		s.m.Accepted() // more accepted than opened never happens; the count is what matters here
	}
	require.Empty(t, s.compose(), "half of the backlog is still open to the peer")
	for range 4 {
		open()
	}
	s.m.Accepted()
	got = opensOf(t, s.compose())
	require.Len(t, got, 1)
	require.EqualValues(t, 21, got[0].Opens)
}

func TestNoMoreStreamsOfThePeerLiveThanMayBe(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.OpenBacklog, c.MaxStreams = 8, 4 })
	for id := uint32(2); id <= 8; id += 2 {
		require.NoError(t, s.peerOpens(id))
		s.m.Accepted()
	}
	require.Empty(t, s.compose())
	require.Error(t, s.peerOpens(10))
}

func TestAStreamCountsUntilBothSidesHaveEndedIt(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.OpenBacklog, c.MaxStreams = 8, 2 })
	for id := uint32(2); id <= 4; id += 2 {
		require.NoError(t, s.peerOpens(id))
		s.m.Accepted()
	}
	require.NoError(t, s.opened[0].Close())
	require.Empty(t, s.compose(), "the peer has not said END")
	require.NoError(t, s.end(2))
	got := opensOf(t, s.compose())
	require.Len(t, got, 1)
	require.EqualValues(t, 3, got[0].Opens)
	require.NoError(t, s.peerOpens(6))
	require.Error(t, s.peerOpens(8))
}

func TestARefusedStreamLeavesTheBacklogAndCountsNoLonger(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.OpenBacklog, c.MaxStreams = 2, 2 })
	for id := uint32(2); id < 100; id += 2 {
		require.NoError(t, s.peerOpens(id))
		d := s.opened[len(s.opened)-1]
		if id%4 == 0 {
			require.NoError(t, s.end(id), "refused although the peer has closed it already")
		}
		s.m.Accepted()
		d.Refuse(uint32(packet.CodeRefused), "no")
		s.compose()
	}
}

func TestTheMemoryBoundsHowManyStreamsAreGuaranteed(t *testing.T) {
	cfg := config(packet.Hello{})
	cfg.Memory = 10 * (cfg.MinStreamWindow + cfg.MinMessageWindow)
	require.EqualValues(t, 10, FirstOpens(cfg).Opens)
	cfg.Memory = 1
	require.EqualValues(t, 1, FirstOpens(cfg).Opens)
}

func TestFirstWindowsShrinkTowardsTheGuaranteedPartAsTheBudgetIsUsed(t *testing.T) {
	cfg := config(packet.Hello{})
	s, msg := cfg.openWindows(1, 96<<20)
	require.Equal(t, cfg.StreamWindow, s)
	require.Equal(t, cfg.StreamMessageWindow, msg)
	for last, left := s+msg, 96<<20; left > 0; left /= 3 {
		s, msg = cfg.openWindows(16, left)
		require.LessOrEqual(t, s+msg, last)
		require.LessOrEqual(t, 16*(s+msg-cfg.MinStreamWindow-cfg.MinMessageWindow), left/2, "half stays for windows to grow")
		last = s + msg
	}
	for _, left := range []int{0, -5000} {
		s, msg = cfg.openWindows(16, left)
		require.Equal(t, cfg.MinStreamWindow, s)
		require.Equal(t, cfg.MinMessageWindow, msg)
	}

	p := newScripted(t, backlog(4))
	p.m.cfg.Budget.Take(1 << 30)
	d := p.mustOpen()
	require.EqualValues(t, cfg.MinStreamWindow, d.window.Limit())
	require.Equal(t, cfg.MinMessageWindow, d.MessageWindow())
	for id := uint32(2); id <= 8; id += 2 {
		require.NoError(t, p.peerOpens(id))
		p.m.Accepted()
	}
	got := opensOf(t, p.compose())
	require.Len(t, got, 1)
	require.EqualValues(t, cfg.MinStreamWindow, got[0].StreamWindow)
	require.EqualValues(t, cfg.MinMessageWindow, got[0].MessageWindow)
}

func TestAStreamBeginsWithTheWindowsOfTheCreditThatAllowedIt(t *testing.T) {
	s := newScripted(t, func(c *Config) {
		c.Peer.OpenCredit = packet.CreditOpen{Opens: 2, StreamWindow: 1000, MessageWindow: 100}
	})
	allow := func(c packet.CreditOpen) {
		require.NoError(t, s.frame(packet.TypeCreditOpen, 0, packet.AppendCreditOpen(nil, c)))
	}
	allow(packet.CreditOpen{Opens: 3, StreamWindow: 2000, MessageWindow: 200})
	allow(packet.CreditOpen{Opens: 3, StreamWindow: 9, MessageWindow: 9}) // allows nothing newly
	allow(packet.CreditOpen{Opens: 5, StreamWindow: 3000, MessageWindow: 300})
	for _, want := range []int{1, 1, 2, 3, 3} {
		d := s.mustOpen()
		require.EqualValues(t, want*1000, d.limit)
		require.Equal(t, want*100, d.SendMessageWindow())
	}
	opens := of(s.link.take(), packet.TypeOpen)
	require.Len(t, opens, 5)
	for i, f := range opens {
		require.EqualValues(t, 3+2*i, f.h.Stream, "ids rise")
	}
}

func TestGrantsThatNobodyUsesDoNotPileUp(t *testing.T) {
	s := newScripted(t, nil)
	var err error
	give := func(opens, window uint32) {
		if err == nil {
			c := packet.CreditOpen{Opens: opens, StreamWindow: window, MessageWindow: 2048}
			err = s.frame(packet.TypeCreditOpen, 0, packet.AppendCreditOpen(nil, c))
		}
	}
	for i := range uint32(2 * mostGrants) {
		give(1000+i, 4096)
	}
	require.NoError(t, err)
	require.Len(t, s.m.opens.grants, 2, "those with the same windows are one")
	for i := range uint32(2 * mostGrants) {
		give(1_000_000+i, 5000+i)
	}
	var e *ProtocolError
	require.ErrorAs(t, err, &e)
	require.Len(t, s.m.opens.grants, mostGrants)
}

func TestOpenersAreServedInTheirOrder(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.Peer.OpenCredit.Opens = 0 })
	type opened struct {
		i   int
		d   *Dialogue
		err error
	}
	done := make(chan opened, 10)
	ctx, cancel := context.WithCancel(context.Background())
	for i := range 6 {
		under := context.Background()
		if i == 0 || i == 3 {
			under = ctx
		}
		go func() {
			d, err := s.m.Open(under, nil, "")
			done <- opened{i, d, err}
		}()
		until(t, "it stands in line", func() bool { return s.openers() == i+1 })
	}
	cancel()
	for range 2 {
		o := <-done
		require.Contains(t, []int{0, 3}, o.i)
		require.Equal(t, context.Canceled, o.err)
	}
	for n, i := range []int{1, 2, 4, 5} {
		c := packet.CreditOpen{Opens: uint32(n + 1), StreamWindow: 4096, MessageWindow: 2048}
		require.NoError(t, s.frame(packet.TypeCreditOpen, 0, packet.AppendCreditOpen(nil, c)))
		o := <-done
		require.NoError(t, o.err)
		require.Equal(t, i, o.i)
		require.EqualValues(t, 3+2*n, o.d.StreamID())
	}
	require.Zero(t, s.openers())
}

func TestANewOpenerDoesNotOvertakeAnotherWhichMayLeave(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.Peer.OpenCredit.Opens = 1 })
	before := wait.New() // stands in line and has not seen the credit yet
	s.m.mu.Lock()
	s.m.opens.wait.Push(before)
	s.m.mu.Unlock()
	open := begin(func() (int64, error) { _, err := s.m.Open(context.Background(), nil, ""); return 0, err })
	until(t, "it stands behind", func() bool { return s.openers() == 2 })
	s.m.leaveOpens(before)
	before.Put()
	require.NoError(t, (<-open).err)
}

func TestOneGrantOfManyWakesManyOpeners(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.Peer.OpenCredit.Opens = 0 })
	var all []<-chan result
	for i := range 5 {
		all = append(all, begin(func() (int64, error) { _, err := s.m.Open(context.Background(), nil, ""); return 0, err }))
		until(t, "it stands in line", func() bool { return s.openers() == i+1 })
	}
	require.NoError(t, s.frame(packet.TypeCreditOpen, 0, packet.AppendCreditOpen(nil, packet.CreditOpen{Opens: 5})))
	for _, o := range all {
		require.NoError(t, (<-o).err)
	}
}

func TestAnOpenThatIsGivenUpGivesEverythingBack(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.Peer.OpenCredit.Opens = 1 })
	budget := s.m.cfg.Budget.Left()
	s.link.setFull(true)
	ctx, cancel := context.WithCancel(context.Background())
	first := begin(func() (int64, error) { _, err := s.m.Open(ctx, nil, ""); return 0, err })
	until(t, "it waits for room", func() bool { return s.link.waiting() == 1 })
	second := begin(func() (int64, error) { _, err := s.m.Open(context.Background(), nil, ""); return 0, err })
	until(t, "another waits for credit", func() bool { return s.openers() == 1 })
	cancel()
	require.Equal(t, result{0, context.Canceled}, <-first)
	s.link.setFull(false)
	require.NoError(t, (<-second).err, "it has the credit now")
	require.Equal(t, packet.TypeOpen, s.link.take()[0].h.Type)
	own := s.m.cfg.beyond(packet.CreditOpen{
		StreamWindow: uint32(s.m.cfg.StreamWindow), MessageWindow: uint32(s.m.cfg.StreamMessageWindow)})
	require.Equal(t, budget-own, s.m.cfg.Budget.Left())
	require.Len(t, s.m.dialogues, 2)

	_, err := s.m.Open(ctx, nil, "")
	require.Equal(t, context.Canceled, err)
}

func TestOpenOfWhatIsTooLongOrTooLateFails(t *testing.T) {
	s := newScripted(t, nil)
	_, err := s.m.Open(context.Background(), make([]byte, packet.MaxMeta), "p")
	require.Equal(t, packet.ErrPacketTooLarge, err)
	d, err := s.m.Open(context.Background(), make([]byte, packet.MaxMeta-1), "p")
	require.NoError(t, err)
	require.Equal(t, "p", d.Peer())
	s.link.end()
	budget := s.m.cfg.Budget.Left()
	_, err = s.m.Open(context.Background(), nil, "")
	require.Equal(t, io.EOF, err)
	require.Equal(t, budget, s.m.cfg.Budget.Left())
	require.Len(t, s.m.dialogues, 2)
}

func TestAnOpenThatBreaksTheRulesIsAnError(t *testing.T) {
	for name, row := range map[string]struct {
		client bool
		ids    []uint32
	}{
		"the default stream":         {true, []uint32{1}},
		"of the default to a server": {false, []uint32{1}},
		"an id of the client's":      {true, []uint32{3}},
		"an id of the server's":      {false, []uint32{2}},
		"the same id again":          {true, []uint32{2, 2}},
		"an id that is lower":        {false, []uint32{7, 5}},
		"an id that is too large":    {true, []uint32{1 << 31}},
		"beyond the credit":          {true, []uint32{2, 4, 6, 8}},
	} {
		s := newScriptedSide(t, row.client, backlog(3))
		last := len(row.ids) - 1
		for _, id := range row.ids[:last] {
			require.NoError(t, s.peerOpens(id), name)
		}
		n := len(s.m.dialogues)
		var e *ProtocolError
		require.ErrorAs(t, s.peerOpens(row.ids[last]), &e, name)
		require.Len(t, s.m.dialogues, n, name)
	}
	s := newScripted(t, nil)
	require.Error(t, s.frame(packet.TypeOpen, 2, []byte{1, 2, 3}), "malformed")
	require.NoError(t, s.peerOpens(1<<31-2), "ids may have gaps")
}

func TestAFrameForAStreamThatWasNeverOpenedIsAnError(t *testing.T) {
	for _, client := range []bool{true, false} {
		s := newScriptedSide(t, client, nil)
		d := s.mustOpen()
		require.Error(t, s.credits(d.id+2))
		require.NoError(t, s.frame(packet.TypeCredit, d.id, packet.AppendCredit(nil, packet.Credit{Limit: 1 << 30})))
		theirs := uint32(2)
		if !client {
			theirs = 3
		}
		require.Error(t, s.data(theirs, []byte("x"), 0))
		require.Error(t, s.end(theirs))
		require.NoError(t, s.peerOpens(theirs+4))
		require.NoError(t, s.data(theirs+4, []byte("x"), 0))
		require.NoError(t, s.data(theirs+2, []byte("x"), 0), "skipped ids are retired ones")
		require.Error(t, s.data(theirs+6, []byte("x"), 0))
	}
}

func (s *scripted) credits(stream uint32) error {
	return s.frame(packet.TypeCredit, stream, packet.AppendCredit(nil, packet.Credit{Limit: 1}))
}

func TestFramesOfARetiredStreamAreDropped(t *testing.T) {
	s := newScripted(t, nil)
	d := s.mustOpen()
	require.NoError(t, s.data(d.id, []byte("x"), 0))
	require.NoError(t, d.Close())
	require.NoError(t, s.data(d.id, []byte("on its way"), 0))
	require.NoError(t, s.end(d.id))
	require.NotContains(t, s.m.dialogues, d.id)
	s.link.take()
	require.NoError(t, s.data(d.id, make([]byte, 1<<16), packet.FlagFIN))
	require.NoError(t, s.end(d.id))
	require.NoError(t, s.reset(d.id, 1, ""))
	require.NoError(t, s.stop(d.id))
	require.NoError(t, s.credits(d.id))
	s.blocked(d.id, 10)
	require.NoError(t, s.m.HandleBody(packet.Header{Type: packet.TypeBody, Stream: d.id}, packet.BodyHead{}, 0, nil))
	require.Empty(t, s.compose())
	require.Zero(t, s.m.unread.Load())
	require.Len(t, s.overs(d), 1)
	require.NoError(t, s.m.Default().Close())
	require.NoError(t, s.end(defaultStream))
	require.NoError(t, s.data(defaultStream, []byte("x"), 0))
}

func TestTheAcceptedStreamKnowsWhatItsOpenerSaid(t *testing.T) {
	s := newScripted(t, nil)
	payload := packet.AppendOpen(nil, packet.Open{StreamWindow: 77, MessageWindow: 88, Meta: []byte("meta"), Peer: []byte("peer")})
	require.NoError(t, s.frame(packet.TypeOpen, 2, payload))
	clear(payload)
	d := s.opened[0]
	require.Equal(t, "meta", string(d.Meta()))
	require.Equal(t, "peer", d.Peer())
	require.EqualValues(t, 2, d.StreamID())
	require.EqualValues(t, 77, d.limit)
	require.Equal(t, 88, d.SendMessageWindow())
	d.Accept()
	require.Equal(t, packet.TypeOpened, s.link.take()[0].h.Type)
	n, err := d.Write(bytes.Repeat([]byte("x"), 77))
	require.NoError(t, err)
	require.Equal(t, 77, n)
}
