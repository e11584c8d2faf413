package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// TestABlackHoleIsNoticedOverTCP is the one that runs on the wall clock.
func TestABlackHoleIsNoticedOverTCP(t *testing.T) {
	t.Parallel()
	for _, hole := range []chaos.Direction{chaos.Both, chaos.Up, chaos.Down} {
		t.Run(hole.String(), func(t *testing.T) {
			t.Parallel()
			serverSide, clientSide := &watcher{}, &watcher{}
			sopts := server.NewEndOptions()
			sopts.SetDelegate(serverSide)
			l, address := harness.Listen(t, sopts)
			proxy, err := chaos.NewProxy(address, nil)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, proxy.Close()) })
			copts := client.NewEndOptions()
			copts.SetHeartbeat(time.Second)
			copts.SetDelegate(clientSide)
			near, err := client.NewRetryEnd("tcp", proxy.Addr(), harness.ClientOptions(), copts)
			require.NoError(t, err)
			t.Cleanup(func() { near.Close() })
			far, err := l.AcceptEnd()
			require.NoError(t, err)
			t.Cleanup(func() { far.Close() })
			require.NoError(t, far.Hijack(harness.Echo))
			require.NoError(t, echo(near, "before"))

			proxy.Links()[0].Inject(hole, chaos.BlackHole{})
			began := time.Now()
			// 7 s are allowed; the rest is for a busy machine.
			for name, w := range map[string]*watcher{"client": clientSide, "server": serverSide} {
				require.Eventually(t, func() bool { _, ok := w.lost(); return ok }, 12*time.Second, 10*time.Millisecond,
					"%s notices nothing", name)
				at, _ := w.lost()
				t.Logf("%s noticed after %v", name, at.Sub(began).Round(time.Millisecond))
			}
			require.NoError(t, echo(near, "after"))
			clientSide.undisturbed(t, 1)
			serverSide.undisturbed(t, 1)
		})
	}
}
