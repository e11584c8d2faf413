package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

func TestBothSidesKnowTheSameAfterTheHandshake(t *testing.T) {
	for _, tt := range []struct{ client, server, want time.Duration }{
		{0, 0, defaultHeartbeat}, {time.Second, 0, time.Second}, {0, 3 * time.Second, 3 * time.Second},
		{5 * time.Second, 2 * time.Second, 2 * time.Second}, {1, time.Second, leastHeartbeat},
	} {
		a, b := memnet.Pipe()
		server := make(chan *Conn, 1)
		go func() {
			in, err := Accept(b, Config{Heartbeat: tt.server, Offer: packet.Hello{MaxBody: 22}})
			if err == nil && in.ClientID == 5 && string(in.Meta) == "who" {
				c, _ := in.Confirm(9)
				server <- c
			}
		}()
		c, err := Client(a, Config{Heartbeat: tt.client, Offer: packet.Hello{MaxBody: 11}}, 5, []byte("who"))
		require.NoError(t, err)
		s := <-server
		for _, x := range []*Conn{c, s} {
			require.EqualValues(t, 9, x.ClientID())
			require.Equal(t, "who", string(x.Meta()))
			require.Equal(t, tt.want, x.life.interval, "the smaller one counts")
		}
		require.EqualValues(t, 22, c.Peer().MaxBody)
		require.EqualValues(t, 11, s.Peer().MaxBody)
		require.True(t, c.Client())
		require.False(t, s.Client())
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	}
}

// accepting runs Accept on one end and returns the other.
func accepting(t *testing.T, cfg Config) (net.Conn, <-chan error) {
	a, b := memnet.Pipe()
	done := make(chan error, 1)
	go func() {
		in, err := Accept(b, cfg)
		if err == nil {
			_, err = in.Confirm(7)
		}
		done <- err
	}()
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, done
}

func TestAStrangerIsJudgedByHisFirstTwoBytes(t *testing.T) {
	for _, say := range []string{"G", "\x16\x03", "\x02", "\x00", "\x01\x02", "\x01\x11", "\x01\x00", "\x01\xff"} {
		a, done := accepting(t, Config{HandshakeTimeout: time.Hour})
		_, err := a.Write([]byte(say))
		require.NoError(t, err)
		require.ErrorIs(t, <-done, packet.ErrMalformed, "%q", say)
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "it is closed")
	}
}

func TestALengthIsJudgedBeforeTheBodyComes(t *testing.T) {
	for _, n := range []uint32{0, 9, packet.MaxHandshake + 1, 1 << 31, 1<<32 - 1} {
		a, done := accepting(t, Config{HandshakeTimeout: time.Hour})
		_, err := a.Write(packet.AppendClassicHeader(nil, packet.ClassicHeader{Type: packet.ClassicConn, Length: n}))
		require.NoError(t, err)
		require.ErrorIs(t, <-done, packet.ErrMalformed, "%d", n)
	}
}

func TestALongBodyIsReadInSteps(t *testing.T) {
	header := packet.AppendClassicHeader(nil, packet.ClassicHeader{Type: packet.ClassicConn, Length: packet.MaxHandshake})
	r := &countingReader{r: io.MultiReader(strings.NewReader(string(header)), strings.NewReader("12345678"))}
	_, _, err := readPacket(r, packet.ClassicConn)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, readStep, r.most, "the buffer grows with what has come")
}

// countingReader notes the longest buffer it was given.
type countingReader struct {
	r    io.Reader
	most int
}

func (r *countingReader) Read(p []byte) (int, error) {
	r.most = max(r.most, len(p))
	return r.r.Read(p)
}

func TestTheFirstPacketMayComeInAnyPieces(t *testing.T) {
	hello := packet.Hello{Role: packet.RoleClient, Max: 2, Min: 2}
	wire := packet.ConnPacket{PacketID: 3, Hello: packet.AppendHello(nil, hello)}.AppendTo(nil)
	a, done := accepting(t, Config{})
	for i := range wire {
		_, err := a.Write(wire[i : i+1])
		require.NoError(t, err)
	}
	require.NoError(t, <-done)
}

// refusedBy runs Client against a server that refuses.
func refusedBy(cause error) error {
	a, b := memnet.Pipe()
	go func() {
		in, err := Accept(b, Config{})
		if err == nil {
			in.Refuse(cause)
		}
	}()
	_, err := Client(a, Config{}, 5, nil)
	return err
}

func TestARefusalComesWithItsTextAndCode(t *testing.T) {
	var remote *geminio.RemoteError
	require.ErrorAs(t, refusedBy(errors.New("not you\n")), &remote)
	require.Equal(t, "not you\n", remote.Error())
	require.EqualValues(t, packet.CodeRefused, remote.Code)

	require.ErrorAs(t, refusedBy(errors.New("")), &remote)
	require.Equal(t, "refused", remote.Error())

	long := strings.Repeat("ä", packet.MaxErrorText)
	require.ErrorAs(t, refusedBy(errors.New(long)), &remote)
	require.Equal(t, long[:packet.MaxErrorText], remote.Error())

	require.Equal(t, geminio.ErrClientIDInUse, refusedBy(geminio.ErrClientIDInUse))
}

func TestAPeerWithoutHelloIsRefusedInItsOwnWords(t *testing.T) {
	old := packet.AppendHello(nil, packet.Hello{Role: packet.RoleClient, Max: 1, Min: 1})
	newer := packet.AppendHello(nil, packet.Hello{Role: packet.RoleClient, Max: 9, Min: 3})
	server := packet.AppendHello(nil, packet.Hello{Role: packet.RoleServer, Max: 2})
	for name, hello := range map[string][]byte{"none": nil, "old": old, "newer": newer, "of a server": server} {
		a, done := accepting(t, Config{})
		_, err := a.Write(packet.ConnPacket{PacketID: 3, ClientID: 5, Hello: hello}.AppendTo(nil))
		require.NoError(t, err)
		header, raw, err := readPacket(a, packet.ClassicConnAck)
		require.NoError(t, err, name)
		answer, err := packet.ParseConnAck(header, raw[packet.ClassicHeaderLen:])
		require.NoError(t, err)
		require.EqualValues(t, 3, answer.PacketID)
		require.EqualValues(t, 1, answer.Ret)
		require.Equal(t, geminio.ErrProtocolVersion.Error(), answer.Error)
		require.Empty(t, answer.Hello)
		require.ErrorIs(t, <-done, geminio.ErrProtocolVersion)
	}
}

// answeredBy runs Client against a server that answers what answer makes of
// the first packet.
func answeredBy(t *testing.T, answer func(packet.ConnPacket) packet.ConnAckPacket) error {
	a, b := memnet.Pipe()
	defer b.Close()
	go func() {
		header, raw, err := readPacket(b, packet.ClassicConn)
		if err != nil {
			return
		}
		first, _ := packet.ParseConn(header, raw[packet.ClassicHeaderLen:])
		_, _ = b.Write(answer(first).AppendTo(nil))
	}()
	c, err := Client(a, Config{}, 0, nil)
	if err == nil {
		c.transport.Close()
	} else {
		_, wrong := a.Write([]byte("x"))
		require.Error(t, wrong, "it is closed")
	}
	return err
}

func TestAClientJudgesTheAnswer(t *testing.T) {
	hello := func(first packet.ConnPacket, change func(*packet.Hello)) []byte {
		own, ok := packet.ParseHello(first.Hello, packet.RoleClient)
		require.True(t, ok)
		h := packet.Hello{Role: packet.RoleServer, Max: 2, Nonce: own.Nonce}
		change(&h)
		return packet.AppendHello(nil, h)
	}
	ok := func(*packet.Hello) {}
	require.NoError(t, answeredBy(t, func(first packet.ConnPacket) packet.ConnAckPacket {
		return packet.ConnAckPacket{PacketID: first.PacketID, Hello: hello(first, ok)}
	}))

	require.ErrorContains(t, answeredBy(t, func(first packet.ConnPacket) packet.ConnAckPacket {
		return packet.ConnAckPacket{PacketID: first.PacketID + 1, Hello: hello(first, ok)}
	}), "another packet")

	for name, change := range map[string]func(*packet.Hello){
		"a nonce that is not ours": func(h *packet.Hello) { h.Nonce[0]++ },
		"another version":          func(h *packet.Hello) { h.Max = 3 },
		"a client's role":          func(h *packet.Hello) { h.Role = packet.RoleClient },
	} {
		require.ErrorIs(t, answeredBy(t, func(first packet.ConnPacket) packet.ConnAckPacket {
			return packet.ConnAckPacket{PacketID: first.PacketID, Hello: hello(first, change)}
		}), geminio.ErrProtocolVersion, name)
	}
	require.ErrorIs(t, answeredBy(t, func(first packet.ConnPacket) packet.ConnAckPacket {
		return packet.ConnAckPacket{PacketID: first.PacketID}
	}), geminio.ErrProtocolVersion)

	var remote *geminio.RemoteError
	require.ErrorAs(t, answeredBy(t, func(first packet.ConnPacket) packet.ConnAckPacket {
		return packet.ConnAckPacket{PacketID: first.PacketID, Error: "no"} // ret 0, no hello
	}), &remote)
	require.Equal(t, "no", remote.Text)
}

func TestMetaThatIsTooLargeIsNotSent(t *testing.T) {
	a, b := memnet.Pipe()
	defer b.Close()
	_, err := Client(a, Config{}, 0, make([]byte, packet.MaxHandshake))
	require.ErrorIs(t, err, packet.ErrPacketTooLarge)
	_, err = b.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestASilentServerIsGivenUp(t *testing.T) {
	a, b := memnet.Pipe()
	defer b.Close()
	_, err := Client(a, Config{HandshakeTimeout: 20 * time.Millisecond}, 0, nil)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
