//go:build go1.25

package conn

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// TestAHandshakeEndsAtItsDeadlineHoweverSlowlyItIsSpoken sends a byte every
// second.
func TestAHandshakeEndsAtItsDeadlineHoweverSlowlyItIsSpoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		go func() {
			for i := range 100 {
				time.Sleep(s)
				if _, err := a.Write(packet.ConnPacket{Meta: make([]byte, 1000)}.AppendTo(nil)[i : i+1]); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		_, err := Accept(b, Config{})
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, defaultHandshakeTimeout, time.Since(began))
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		time.Sleep(2 * s)
	})
}

func TestAClientThatDoesNotTakeItsRefusalIsBoundByTheSameDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		go func() {
			time.Sleep(3 * s)
			_, _ = a.Write(packet.ConnPacket{}.AppendTo(nil))
		}()
		began := time.Now()
		_, err := Accept(b, Config{})
		require.ErrorIs(t, err, geminio.ErrProtocolVersion)
		require.Equal(t, defaultHandshakeTimeout, time.Since(began))
		require.NoError(t, a.Close())
	})
}

func TestTheTimeOfTheServersOwnDecisionDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		client := make(chan error, 1)
		go func() {
			_, err := Client(a, Config{HandshakeTimeout: time.Hour}, 0, nil)
			client <- err
		}()
		in, err := Accept(b, Config{})
		require.NoError(t, err)
		time.Sleep(5 * defaultHandshakeTimeout)
		c, err := in.Confirm(7)
		require.NoError(t, err)
		require.NoError(t, <-client)
		require.NoError(t, c.transport.Close())
	})
}

func TestAnAnswerThatIsNotTakenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		hello := packet.AppendHello(nil, packet.Hello{Role: packet.RoleClient, Max: 2, Min: 2})
		go func() { _, _ = a.Write(packet.ConnPacket{Hello: hello}.AppendTo(nil)) }()
		in, err := Accept(b, Config{})
		require.NoError(t, err)
		began := time.Now()
		_, err = in.Confirm(7)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, answerTimeout, time.Since(began))
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}
