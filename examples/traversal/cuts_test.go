package traversal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/rpc"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

// size is that of the file that is fetched.
func size() int64 {
	if os.Getenv("GEMINIO_SOAK") != "" {
		return 256 << 20
	}
	return 32 << 20
}

func TestTwentyCutsLoseNothing(t *testing.T) {
	t.Parallel()
	const cuts = 20
	pub := startInternet(t)
	proxy, err := chaos.NewProxy(pub.agents, nil)
	require.NoError(t, err)
	t.Cleanup(func() { proxy.Close() })
	a := startAgent(t, proxy.Addr(), "office", "-tcp", "rpc,to="+serveRPC(t), "-http", "web,to="+serveWeb(t, "web"))

	session := rpc.NewClient(dial(t, a.at(t, "tcp", "rpc", 1)))
	defer session.Close()
	url := a.at(t, "http", "web", 1) + "/file?size=" + strconv.FormatInt(size(), 10)
	rsp := request(t, pub.http, url)
	defer rsp.Body.Close()
	require.Equal(t, 200, rsp.StatusCode)
	require.Equal(t, size(), rsp.ContentLength)

	begin, calls, h := time.Now(), 0, sha256.New()
	add := func(wait bool) *rpc.Call {
		calls++
		call := session.Go("Sum.Add", [2]int{calls, 1000}, new(int), nil)
		if wait {
			finish(t, call)
		}
		return call
	}
	for cut := range int64(cuts) {
		_, err := io.CopyN(h, rsp.Body, size()*(cut+1)/(cuts+1)-size()*cut/(cuts+1))
		require.NoError(t, err)
		add(true)
		pending := add(false)
		links := len(proxy.Links())
		proxy.Inject(chaos.Both, chaos.Reset{})
		during := add(false)
		require.Eventually(t, func() bool { return len(proxy.Links()) > links }, limit, time.Millisecond, "the agent comes back")
		finish(t, pending)
		finish(t, during)
	}
	_, err = io.Copy(h, rsp.Body)
	require.NoError(t, err)
	took := time.Since(begin)

	assert.Equal(t, noiseDigest(size()), hex.EncodeToString(h.Sum(nil)), "SHA-256")
	assert.GreaterOrEqual(t, proxy.Stats().Cuts, cuts)
	assert.Equal(t, 3*cuts, calls)
	assert.Len(t, lines(a.stdout.String()), 2, "the session was never lost, nothing was offered again")
	t.Logf("%d MiB and %d calls over one net/rpc session during %d cuts: %v, SHA-256 equal",
		size()>>20, calls, proxy.Stats().Cuts, took.Round(time.Millisecond))
}

// finish waits for the result of a call of Sum.Add.
func finish(t *testing.T, call *rpc.Call) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-call.Done:
	case <-ctx.Done():
		require.FailNow(t, "no answer")
	}
	require.NoError(t, call.Error)
	terms := call.Args.([2]int)
	require.Equal(t, terms[0]+terms[1], *call.Reply.(*int))
}

// rounds is how often each throughput is measured.
var rounds = 3

func TestThroughputBesideADirectConnection(t *testing.T) {
	pub := startInternet(t)
	web := serveWeb(t, "web")
	a := startAgent(t, pub.agents, "office", "-http", "web,to="+web, "-tcp", "raw,to="+web)
	fetch := func(addr, url string) (best float64) {
		for range rounds {
			rsp := request(t, addr, url+"/bulk?size="+strconv.FormatInt(size(), 10))
			begin := time.Now()
			n, err := io.Copy(io.Discard, rsp.Body)
			rsp.Body.Close()
			require.NoError(t, err)
			require.Equal(t, size(), n)
			best = max(best, float64(n)/time.Since(begin).Seconds()/1e6)
		}
		return best
	}
	raw := a.at(t, "tcp", "raw", 1)
	direct := fetch(web, "http://"+web)
	tcp := fetch(raw, "http://"+raw)
	http := fetch(pub.http, a.at(t, "http", "web", 1))
	t.Logf("%d MiB over HTTP, the best of %d: direct %.0f MB/s, through a TCP service %.0f MB/s (%.0f %%), through an HTTP service %.0f MB/s (%.0f %%)",
		size()>>20, rounds, direct, tcp, 100*tcp/direct, http, 100*http/direct)
}
