package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// TestWhatBreaksARuleEndsTheConnection has a peer say what it must not.
func TestWhatBreaksARuleEndsTheConnection(t *testing.T) {
	byPeer := closeFrame(packet.CodeClosed, "")
	ping := func(kind packet.PingKind, pos uint64) frame {
		return frame{packet.Header{Type: packet.TypePing}, packet.AppendPing(nil, packet.Ping{Kind: kind, Position: pos})}
	}
	for name, tt := range map[string]struct {
		say  []frame
		want string
	}{
		"PING behind its position":          {[]frame{data(3, 10), ping(packet.PingBeat, 17)}, "18 were received"},
		"PING before its position":          {[]frame{ping(packet.PingProbe, 1)}, "1 counted bytes, 0 were received"},
		"PING of no kind":                   {[]frame{ping(3, 0)}, "unknown kind"},
		"ACK beyond what was sent":          {[]frame{ack(1)}, "acknowledged position 1 of 0 sent"},
		"PONG beyond what was sent":         {[]frame{pong(packet.Ping{Kind: packet.PingBeat}, 9)}, "acknowledged position 9 of 0 sent"},
		"CLOSE twice":                       {[]frame{byPeer, byPeer}, "CLOSE"},
		"CLOSED that no CLOSE asked for":    {[]frame{closedFrame}, "CLOSED out of place"},
		"CLOSE behind credit behind CLOSE":  {[]frame{byPeer, plain(packet.TypeCredit, 3, 8), byPeer}, "CLOSE behind CLOSE"},
		"CLOSED for its own CLOSE":          {[]frame{byPeer, closedFrame}, "CLOSED out of place"},
		"DATA behind CLOSE":                 {[]frame{byPeer, data(3, 10)}, "behind CLOSE"},
		"large DATA behind CLOSE":           {[]frame{byPeer, data(3, 64*kib)}, "behind CLOSE"},
		"BODY behind CLOSE":                 {[]frame{byPeer, body(20)}, "behind CLOSE"},
		"a skipped type behind CLOSE":       {[]frame{byPeer, plain(200, 0, 3)}, "behind CLOSE"},
		"type 0":                            {[]frame{plain(0, 0, 0)}, "unknown type"},
		"type 6":                            {[]frame{plain(6, 0, 0)}, "unknown type"},
		"the last type that is not skipped": {[]frame{plain(127, 0, 0)}, "unknown type"},
		"a flag on PING":                    {[]frame{{packet.Header{Type: packet.TypePing, Flags: packet.FlagFIN}, make([]byte, packet.PingLen)}}, "flag not allowed"},
		"empty DATA without FIN":            {[]frame{plain(packet.TypeData, 3, 0)}, "empty without FIN"},
		"DATA on stream 0":                  {[]frame{plain(packet.TypeData, 0, 3)}, "stream is 0"},
		"CLOSE on a stream":                 {[]frame{plain(packet.TypeClose, 3, 2)}, "stream not 0"},
		"BODY without bytes":                {[]frame{plain(packet.TypeBody, 3, packet.BodyHeadLen)}, "length out of range"},
		"BODY of no kind":                   {[]frame{plain(packet.TypeBody, 3, 20)}, "unknown kind"},
	} {
		t.Run(name, func(t *testing.T) {
			_, h, p := withPeer(t, Config{}, false)
			h.onClose = func(packet.Code, string) {} // no farewell yet
			p.send(tt.say...)
			err := h.ended(t)
			require.ErrorContains(t, err, tt.want)
			require.ErrorIs(t, err, geminio.ErrSessionLost)
			require.False(t, errors.Is(err, io.EOF))
			var lost *LostError
			require.ErrorAs(t, err, &lost)
		})
	}
}

func TestThePeerIsToldWhichRuleItBroke(t *testing.T) {
	_, h, p := withPeer(t, Config{}, false)
	p.send(plain(127, 0, 0))
	told := p.want(packet.TypeClose)
	msg, err := packet.ParseClose(told.payload)
	require.NoError(t, err)
	require.Equal(t, packet.CodeProtocol, msg.Code)
	require.Contains(t, string(msg.Text), "unknown type")
	require.ErrorContains(t, h.ended(t), "unknown type")
}

// TestWhatCameBeforeABrokenRuleIsStillABatch: those whom the layer above wakes
// at the end of a batch must not wait for ever because the next frame was bad.
func TestWhatCameBeforeABrokenRuleIsStillABatch(t *testing.T) {
	_, h, p := withPeer(t, Config{}, false)
	p.send(data(3, 10), plain(127, 0, 0)) // in one write
	h.ended(t)
	require.Positive(t, h.batches)
}

func body(n int) frame {
	return frame{packet.Header{Type: packet.TypeBody, Stream: 3},
		append(packet.AppendBody(nil, packet.BodyHead{Kind: packet.BodyRequest, ID: 5}), make([]byte, n)...)}
}

func TestAnAckThatGoesBackEndsTheConnection(t *testing.T) {
	c, h, p := withPeer(t, Config{}, false)
	append1(t, c, packet.Messages, 3, 92)
	p.want(packet.TypeMessage)
	p.send(ack(100), ack(99))
	require.ErrorContains(t, h.ended(t), "went back from 100 to 99")
}

func TestARepeatedAckIsNoError(t *testing.T) {
	c, _, p := withPeer(t, Config{}, false)
	append1(t, c, packet.Messages, 3, 92)
	p.want(packet.TypeMessage)
	p.send(ack(100), ack(100), p.ping(packet.PingBeat, 1))
	for p.next().Type != packet.TypePong {
	}
}

func TestClosedBeforeOurCloseHasLeftEndsTheConnection(t *testing.T) {
	c := silent(false)
	c.state = open
	put(t, c, packet.Bulk, packet.TypeData, 20, 32*kib)
	c.Shutdown(0, "")
	compose(t, c)
	require.ErrorContains(t, c.handleClosed(), "CLOSED out of place")
}

func TestAnyOtherPrefaceEndsTheConnection(t *testing.T) {
	for i := range len(packet.Preface) {
		_, h, p := withPeer(t, Config{}, false)
		wrong := []byte(packet.Preface)
		wrong[i]++
		_, err := p.nc.Write(wrong[:i+1]) // judged at once
		require.NoError(t, err)
		require.ErrorContains(t, h.ended(t), "no preface")
	}
}

// TestALostConnectionIsNeverAnEnd has the peer hang up at every point of the
// beginning and in the middle of a frame.
func TestALostConnectionIsNeverAnEnd(t *testing.T) {
	whole := append([]byte(packet.Preface), encode(data(3, 10), data(3, 10))...)
	for n := range len(whole) + 1 {
		_, h, p := withPeer(t, Config{}, false)
		_, err := p.nc.Write(whole[:n])
		require.NoError(t, err)
		require.NoError(t, p.nc.Close())
		err = h.ended(t)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d bytes", n)
		require.NotErrorIs(t, err, io.EOF, "after %d bytes", n)
	}
}

func TestALostConnectionIsNotMistakenForAnOrderlyEnd(t *testing.T) {
	for _, cause := range []error{io.EOF, net.ErrClosed, io.ErrClosedPipe} {
		lost := &LostError{fmt.Errorf("read: %w", cause)}
		require.NotErrorIs(t, lost, cause)
		require.ErrorIs(t, lost, geminio.ErrSessionLost)
		require.ErrorContains(t, lost, cause.Error())
	}
	require.ErrorIs(t, &LostError{ErrDead}, ErrDead)
}

func TestUnknownTypesFrom128OnAreSkippedAndCounted(t *testing.T) {
	_, h, p := withPeer(t, Config{}, false)
	p.send(plain(128, 0, 0), plain(255, 9, 5), frame{packet.Header{Type: 130, Flags: 7, Stream: 1}, make([]byte, packet.MaxPayload)})
	p.send(data(3, 1))
	p.send(p.ping(packet.PingBeat, 4))
	for {
		if f := p.next(); f.Type == packet.TypePong {
			got, err := packet.ParsePong(f.payload)
			require.NoError(t, err)
			require.EqualValues(t, 4, got.Opaque)
			break
		}
	}
	require.Len(t, h.received(t, 1), 1)
}

func TestNothingButCreditMayStandBehindClosed(t *testing.T) {
	c, _ := parsing(t)
	c.state = open
	c.Shutdown(0, "")
	compose(t, &c.session)
	require.NoError(t, c.parse(encode(closedFrame, plain(packet.TypeCreditOpen, 0, 12)), nil))
	defer c.drain.Stop()
	for _, f := range []frame{closedFrame, closeFrame(0, ""), data(3, 1), plain(150, 0, 0)} {
		require.ErrorContains(t, c.parse(encode(f), nil), "behind CLOSED")
	}
}

func TestHeartbeatsAreAllowedBehindClose(t *testing.T) {
	_, h, p := withPeer(t, Config{}, false)
	h.onClose = func(packet.Code, string) {}
	p.send(closeFrame(packet.CodeClosed, ""))
	p.send(p.ping(packet.PingBeat, 7))
	p.send(p.ping(packet.PingProbe, 8))
	for {
		f := p.next()
		if f.Type != packet.TypePong {
			continue
		}
		if got, _ := packet.ParsePong(f.payload); got.Opaque == 8 {
			return
		}
	}
}

func TestManyPingsAreAnsweredByFew(t *testing.T) {
	c := silent(false)
	for i := range 10000 {
		require.NoError(t, c.handlePing(packet.Ping{Kind: packet.PingBeat, Opaque: uint64(i)}))
	}
	compose(t, c)
	require.Len(t, framesIn(t, c.out.uncounted[len(packet.Preface):]), 1)
}
