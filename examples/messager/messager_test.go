package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

// listening starts a listener, and returns its address too.
func listening(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := start(t, append([]string{"listen", "-addr", "127.0.0.1:0"}, args...)...)
	return p, p.prints(`listening on (.*)`)[0]
}

// meet starts both, connected through a link that can be cut.
func meet(t *testing.T, listenArgs, dialArgs []string) (l, d *process, link *chaos.Proxy) {
	t.Helper()
	l, addr := listening(t, listenArgs...)
	link, err := chaos.NewProxy(addr, nil)
	require.NoError(t, err)
	t.Cleanup(func() { link.Close() })
	d = start(t, append([]string{"dial", "-addr", link.Addr()}, dialArgs...)...)
	assert.Equal(t, d.prints(`connected as (\d+)`), l.prints(`(\d+) is here`))
	return l, d, link
}

func TestTheTwoTalk(t *testing.T) {
	l, d, _ := meet(t, []string{"-refuse", "spam,ads", "-topic", "all"}, nil)

	d.types("news it is raining")
	d.prints(`sending 1 to \d+ \[news\] it is raining`)
	l.prints(`received 1 from \d+ \[news\] it is raining`)
	d.prints(`done 1`)

	d.types("ads buy this")
	d.prints(`sending 2 to \d+ \[ads\] buy this`)
	l.prints(`received 2 from \d+ \[ads\] buy this`)
	d.prints(`error 2: ads is refused here`)

	l.types("good morning")
	l.prints(`sending 1 to \d+ \[all\] good morning`)
	d.prints(`received 1 from \d+ \[all\] good morning`)
	l.prints(`done 1`)

	require.NoError(t, d.stdin.Close())
	d.exits(1) // one was refused
	assert.Equal(t, "messager dial: not every message was acknowledged\n", d.stderr.String())
	l.prints(`\d+ has gone`)
	l.types("is anybody here")
	l.prints(`nobody is here: is anybody here`)
	l.terminate()
	l.quiet()
}

func TestMostManyAndTheEndOfTheInput(t *testing.T) {
	l, d, _ := meet(t, nil, []string{"-delivery", "most", "-topic", "a b"})
	const n = 100
	for range n {
		d.types("c d")
	}
	require.NoError(t, d.stdin.Close())
	for range n {
		l.prints(`received \d+ from \d+ \[a b\] c d`)
	}
	d.exits(0)
	l.prints(`\d+ has gone`)
	l.terminate()
	l.quiet()
}

func TestAnswersAreTyped(t *testing.T) {
	l, d, _ := meet(t, []string{"-manual"}, []string{"-stay"})
	for _, topic := range []string{"one", "two"} {
		d.types(topic + " x")
		d.prints(`sending \d to \d+ \[` + topic + `\] x`)
		l.prints(`received \d from \d+ \[` + topic + `\] x`)
	}
	l.types("/error 2 I do not like it")
	d.prints(`error 2: I do not like it`)
	l.types("/done 1")
	d.prints(`done 1`)
	l.types("/done 1")
	l.prints(`no message 1 waits for an answer`)
	l.types("/dance")
	l.prints(`not understood: /dance; .*`)

	require.NoError(t, d.stdin.Close())
	l.types("news still there?")
	l.prints(`sending 1 .*`)
	d.prints(`received 1 from \d+ \[news\] still there\?`)
	l.prints(`done 1`)
	l.terminate()
	d.prints(`session over`)
	require.NoError(t, d.cmd.Process.Signal(os.Interrupt))
	d.exits(1)
}

func TestACutIsSurvived(t *testing.T) {
	l, d, link := meet(t, []string{"-manual"}, []string{"-topic", "x"})
	cuts := 3
	if os.Getenv("GEMINIO_SOAK") != "" {
		cuts = 300
	}
	for i := range cuts {
		n := strconv.Itoa(i + 1)
		d.types("hello")
		d.prints(`sending ` + n + ` .*`)
		l.prints(`received ` + n + ` .*`)
		link.Inject(chaos.Up, chaos.Reset{})
		d.prints(`connection lost, dialing again`)
		l.types("/done " + n)
		// What is told of the connection has no order with what it brings.
		got := []string{d.prints(`(.*)`)[0], d.prints(`(.*)`)[0]}
		assert.ElementsMatch(t, []string{"connection resumed, nothing lost", "done " + n}, got)
	}
	require.NoError(t, d.stdin.Close())
	d.exits(0)
	l.prints(`\d+ has gone`)
	l.terminate()
	l.quiet()
}

// TestManyMessagesAndManyCuts has both sides publish while their connection is
// cut at random: each message arrives once, in order, and is acknowledged.
func TestManyMessagesAndManyCuts(t *testing.T) {
	n, cuts := 1000, 10
	if os.Getenv("GEMINIO_SOAK") != "" {
		n, cuts = 50_000, 500
	}
	l, addr := listening(t, "-topic", "down")
	const handshake = 4096 // which dial may fail in
	script := chaos.Cuts(chaos.Seed(t), cuts, int64(n*60), chaos.Reset{}, chaos.Close{})
	link, err := chaos.NewProxy(addr, func(n int) chaos.Script {
		script := script(n)
		for i := range script {
			if n == 0 {
				script[i].After += handshake
			}
		}
		return script
	})
	require.NoError(t, err)
	t.Cleanup(func() { link.Close() })
	d := start(t, "dial", "-addr", link.Addr(), "-topic", "up", "-stay")
	d.prints(`connected as \d+`)
	l.prints(`\d+ is here`)
	for _, p := range []*process{l, d} {
		go func() {
			for i := range n {
				if _, err := fmt.Fprintln(p.stdin, i); err != nil {
					return
				}
			}
		}()
	}
	for p, topic := range map[*process]string{l: "up", d: "down"} {
		var sent, done int
		received := 0
		for sent < n || done < n || received < n {
			line := p.prints(`(.*)`)[0]
			switch {
			case strings.HasPrefix(line, "sending "):
				sent++
			case strings.HasPrefix(line, "done "):
				done++
			case strings.HasPrefix(line, "received "):
				require.Regexp(t, fmt.Sprintf(`\[%s\] %d$`, topic, received), line)
				received++
			default:
				require.Regexp(t, `^connection (lost|resumed)`, line)
			}
		}
		assert.Equal(t, []int{n, n}, []int{sent, done})
	}
	require.NoError(t, d.stdin.Close())
	assert.GreaterOrEqual(t, len(link.Links())-1, cuts)
	t.Logf("%d messages each way, %d connections that were cut", n, len(link.Links())-1)
}

func TestNobodySteersTheTerminalOfTheOther(t *testing.T) {
	l, d, _ := meet(t, nil, []string{"-topic", "x"})
	d.types("\x1b[2Jboo")
	d.prints(`sending 1 to \d+ \[x\] \x{fffd}\[2Jboo`)
	l.prints(`received 1 from \d+ \[x\] \x{fffd}\[2Jboo`)
	d.prints(`done 1`)
}

func TestAnEndlessLineIsToldAndFails(t *testing.T) {
	_, d, _ := meet(t, nil, []string{"-topic", "x"})
	d.types("hello")
	d.prints(`sending 1 .*`)
	d.prints(`done 1`)
	_, _ = io.WriteString(d.stdin, strings.Repeat("x", maxLine+1))
	d.prints(`nothing more is read: .*too long`)
	d.exits(1)
}

// TestALostSession cuts a connection whose session does not wait, after the
// message has arrived and before it is answered.
func TestALostSession(t *testing.T) {
	for delivery, want := range map[string]struct {
		again bool   // whether the message comes again
		done  string // which reception is answered
	}{
		"least":       {again: true, done: "/done 2"},
		"effectively": {again: false, done: "/done 1"},
	} {
		t.Run(delivery, func(t *testing.T) {
			l, d, link := meet(t, []string{"-manual", "-grace", "0"}, []string{"-delivery", delivery, "-topic", "x"})
			d.types("hello")
			d.prints(`sending 1 .*`)
			l.prints(`received 1 from \d+ \[x\] hello`)
			link.Inject(chaos.Up, chaos.Reset{})
			d.prints(`session over`)
			d.prints(`connected as \d+`)

			lines := []string{`\d+ has gone`, `\d+ is here`}
			if want.again {
				lines = append(lines, `received 2 from \d+ \[x\] hello, perhaps not for the first time`)
			}
			for range lines {
				line := l.prints(`(.*)`)[0]
				assert.Condition(t, func() bool { return matchesOne(line, lines) }, line)
			}
			l.types(want.done)
			d.prints(`done 1`)
			require.NoError(t, d.stdin.Close())
			d.exits(0)
			l.prints(`\d+ has gone`)
			l.terminate()
			l.quiet()
		})
	}
}

// TestAKilledListener kills the receiver between reception and answer.
func TestAKilledListener(t *testing.T) {
	for delivery, outcome := range map[string]string{
		"least":       `done 1`,
		"effectively": `unknown 1: .*`,
	} {
		t.Run(delivery, func(t *testing.T) {
			l, addr := listening(t, "-manual")
			d := start(t, "dial", "-addr", addr, "-delivery", delivery, "-topic", "x")
			d.prints(`connected as \d+`)
			l.prints(`\d+ is here`)
			d.types("hello")
			d.prints(`sending 1 .*`)
			l.prints(`received 1 .*`)
			l.kill()
			d.prints(`connection lost, dialing again`)
			l = start(t, "listen", "-addr", addr)
			l.prints(`listening on .*`)

			lines := []string{`session over`, `connected as \d+`, outcome}
			for range lines {
				line := d.prints(`(.*)`)[0]
				assert.Condition(t, func() bool { return matchesOne(line, lines) }, line)
			}
			require.NoError(t, d.stdin.Close())
			if delivery == "least" {
				d.exits(0)
			} else {
				d.exits(1)
			}
			l.terminate()
		})
	}
}

func TestTLSAndAToken(t *testing.T) {
	cert, key := certificate(t)
	l, addr := listening(t, "-cert", cert, "-key", key, "-token", "open sesame")
	d := start(t, "dial", "-addr", addr, "-ca", cert, "-token", "open sesame", "-pprof", "127.0.0.1:0")
	d.prints(`connected as \d+`)
	l.prints(`\d+ is here`)
	assert.Regexp(t, `^profiles on http://127\.0\.0\.1:\d+/debug/pprof/\n$`, d.stderr.String())
	d.types("a b")
	d.prints(`sending 1 .*`)
	d.prints(`done 1`)
	d.terminate()

	_, open := listening(t)
	shows := start(t, "dial", "-addr", open, "-token", "nobody asks for it")
	shows.prints(`connected as \d+`)
	shows.terminate()

	wrong := start(t, "dial", "-addr", addr, "-ca", cert)
	wrong.exits(1)
	assert.Equal(t, "messager dial: wrong token\n", wrong.stderr.String())
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for _, args := range [][]string{
		{}, {"shout"},
		{"dial", "-delivery", "twice"}, {"dial", "-timeout", "-1s"}, {"dial", "more"}, {"dial", "-log", "loud"},
		{"listen", "-key", "x"}, {"listen", "-grace", "-1s"}, {"listen", "-nonsense"},
	} {
		p := start(t, args...)
		p.exits(2)
		assert.Regexp(t, "(?i)usage|-h lists", p.stderr.String(), "%v", args)
	}
	for _, args := range [][]string{{"-h"}, {"listen", "-h"}, {"dial", "-h"}} {
		start(t, args...).exits(0)
	}
	p := start(t, "dial", "-addr", "127.0.0.1:1")
	p.exits(1)
	assert.Contains(t, p.stderr.String(), "messager dial: dial tcp")
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	require.NoError(t, err)
	write := func(name, kind string, der []byte) string {
		name = filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return name
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}
