package e2e

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/harness"
)

// floods are many frames that each make the server do a little. A flood
// returns its i-th frame.
var floods = map[string]struct {
	count int
	frame func(i int) []byte
}{
	"pings": {100_000, func(i int) []byte {
		return frame(packet.TypePing, 0, packet.AppendPing(nil, packet.Ping{Kind: packet.PingBeat, Opaque: uint64(i)}))
	}},
	"probes": {100_000, func(i int) []byte {
		return frame(packet.TypePing, 0, packet.AppendPing(nil, packet.Ping{Kind: packet.PingProbe, Opaque: uint64(i)}))
	}},
	"acknowledgements of nothing": {100_000, func(int) []byte {
		return frame(packet.TypeAck, 0, packet.AppendAck(nil, packet.Ack{}))
	}},
	"empty data": {100_000, func(int) []byte { return data(1, 0) }},
	"registrations": {100_000, func(i int) []byte {
		return frame(packet.TypeRegister, 1, packet.AppendRegister(nil, uint64(i+1), packet.RegisterAdd, fmt.Sprint("method ", i)))
	}},
	"registrations and withdrawals": {100_000, func(i int) []byte {
		op := packet.RegisterAdd
		if i%2 == 1 {
			op = packet.RegisterWithdraw
		}
		return frame(packet.TypeRegister, 1, packet.AppendRegister(nil, uint64(i+1), op, "method"))
	}},
	"cancels": {100_000, func(i int) []byte {
		return frame(packet.TypeCancel, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: uint64(i)}))
	}},
	"requests and their cancels": {100_000, func(i int) []byte {
		if i%2 == 0 {
			return request(uint64(i+1), 0)
		}
		return frame(packet.TypeCancel, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: uint64(i)}))
	}},
	"opens and their resets": {100_000, func(i int) []byte {
		id := uint32(i/2*2 + 3)
		if i%2 == 0 {
			return open(id)
		}
		return frame(packet.TypeReset, id, packet.AppendReset(nil, 0, ""))
	}},
	"opens and their ends": {100_000, func(i int) []byte {
		id := uint32(i/2*2 + 3)
		if i%2 == 0 {
			return open(id)
		}
		return frame(packet.TypeEnd, id, nil)
	}},
	"credit that rises by one": {100_000, func(i int) []byte { return credit(1, 1<<20+uint64(i)) }},
	"blocked": {100_000, func(i int) []byte {
		return frame(packet.TypeBlocked, 1, packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedStream, At: uint64(i)}))
	}},
	"bytes one by one":             {100_000, func(int) []byte { return data(1, 1) }},
	"messages nobody receives":     {20_000, func(i int) []byte { return msg(uint64(i+1), 10) }},
	"large types from the future":  {300, func(int) []byte { return frame(250, 9, make([]byte, 60_000)) }},
	"announcements never followed": {5_000, func(i int) []byte { return announce(uint64(i+1), 9<<20) }},
	"requests of unknown methods": {20_000, func(i int) []byte {
		return frame(packet.TypeRequest, 1, packet.AppendRequest(nil, packet.RequestFields{ID: uint64(i + 1)}, "wait"))
	}},
}

func TestAFloodIsBoundedAndDelaysNobody(t *testing.T) {
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{MaxRunningCalls: 64, MaxWaitingCalls: 64})
	tg := newTarget(t, sopts)
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			var all bytes.Buffer
			for i := range flood.count {
				all.Write(flood.frame(i))
			}
			settled := func() int {
				n, _ := harness.Goroutines()
				return n
			}
			quiet := settled()
			bounded(t, func() {
				r := tg.raw(t)
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					// it reads nothing of what it provokes
					_ = r.SetWriteDeadline(time.Now().Add(harness.Soon))
					_, _ = r.Write(all.Bytes())
				}()
				most := 0
				for flooding := true; flooding; {
					select {
					case <-sent:
						flooding = false
					default:
					}
					tg.serves(t)
					n, _ := harness.Goroutines()
					most = max(most, n)
				}
				require.Less(t, most, quiet+250, "it makes goroutines")
				require.NoError(t, r.Close())
			})
			tg.serves(t)
		})
	}
}
