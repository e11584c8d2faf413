package multiplexer

import (
	"fmt"
	"math/rand"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// reserved returns what a dialogue's window holds of the budget.
func reserved(d *Dialogue) int {
	return int(reflect.ValueOf(d).Elem().FieldByName("window").FieldByName("reserved").Int())
}

// granted returns what of the budget is promised to streams that the peer has
// not opened.
func (m *Multiplexer) granted() (sum int) {
	p := m.peerOpens
	for n := p.opened + 1; n <= p.allowed; n++ {
		var g grant
		p.grants, g = take(p.grants, n)
		sum += m.cfg.beyond(packet.CreditOpen{StreamWindow: g.streamWindow, MessageWindow: g.messageWindow})
	}
	return sum
}

// A model drives a multiplexer at random, from both sides, and knows what of
// the budget must be taken.
type model struct {
	*scripted
	rnd    *rand.Rand
	now    time.Time
	nextID uint32
	all    []*Dialogue
	peer   map[*Dialogue]*peerHalf
}

// A peerHalf is what the peer may still do on a stream.
type peerHalf struct{ finished, ended bool }

// taken is what the windows of all streams and all promises hold.
func (m *model) taken() int {
	sum := m.m.granted()
	for _, d := range m.all {
		sum += reserved(d)
		if d != m.m.Default() && d.Ending() == 0 {
			sum += d.MessageWindow() - m.m.cfg.MinMessageWindow
		}
	}
	return sum
}

func (m *model) check(step string) {
	m.t.Helper()
	require.Equal(m.t, m.m.cfg.Memory-m.m.cfg.Budget.Left(), m.taken(), step)
}

func (m *model) add(d *Dialogue) {
	m.all = append(m.all, d)
	m.peer[d] = new(peerHalf)
}

// step does one thing at random and returns its name.
func (m *model) step() string {
	d := m.all[m.rnd.Intn(len(m.all))]
	p := m.peer[d]
	switch m.rnd.Intn(16) {
	case 0:
		if m.m.opens.used < m.m.opens.limit {
			m.add(m.mustOpen())
		}
		return "open"
	case 1:
		if m.m.peerOpens.opened < m.m.peerOpens.allowed {
			require.NoError(m.t, m.peerOpens(m.nextID))
			m.nextID += 2
			m.add(m.opened[len(m.opened)-1])
			if m.rnd.Intn(4) > 0 {
				m.m.Accepted()
			}
		}
		return "the peer opens"
	case 2, 3, 4, 5:
		if !p.finished {
			n := min(m.rnd.Intn(packet.MaxPayload), room(d))
			var flags packet.Flags
			if m.rnd.Intn(50) == 0 {
				flags, p.finished = packet.FlagFIN, true
			}
			if n > 0 || flags != 0 {
				require.NoError(m.t, m.data(d.id, make([]byte, n), flags))
			}
		}
		return "the peer writes"
	case 6, 7, 8, 9:
		d.receiving.Lock()
		_, ready := d.readable(false)
		d.receiving.Unlock()
		if ready {
			_, _ = d.Read(make([]byte, m.rnd.Intn(1<<20)))
		}
		return "read"
	case 10, 11:
		m.now = m.now.Add(time.Duration(m.rnd.Int63n(int64(time.Second))))
		if m.rnd.Intn(10) == 0 {
			m.now = m.now.Add(time.Minute)
		}
		d.compose(oweCredit, m.now, time.Duration(m.rnd.Int63n(int64(time.Second))))
		m.m.composeOpens()
		return "credit"
	case 12:
		if !p.ended {
			m.blocked(d.id, d.window.Limit())
		}
		return "the peer waits"
	case 13:
		if m.rnd.Intn(3) == 0 {
			_ = d.CloseRead()
			return "CloseRead"
		}
	case 14:
		if m.rnd.Intn(3) == 0 {
			m.endByPeer(d)
			return "the peer ends"
		}
	case 15:
		if m.rnd.Intn(3) == 0 {
			m.endHere(d)
			return "end here"
		}
	}
	return "nothing"
}

func (m *model) endByPeer(d *Dialogue) {
	p := m.peer[d]
	if p.ended {
		return
	}
	p.finished, p.ended = true, true
	if m.rnd.Intn(4) == 0 {
		require.NoError(m.t, m.reset(d.id, 1, "reset"))
		return
	}
	require.NoError(m.t, m.end(d.id))
}

func (m *model) endHere(d *Dialogue) {
	if m.rnd.Intn(4) == 0 && !d.opener && d.Ending() == 0 {
		d.Refuse(1, "refused")
		receiver{m.scripted, d}.HandleOver(ClosedHere) // the owner does that itself
		m.peer[d].finished, m.peer[d].ended = true, true
		return
	}
	require.NoError(m.t, d.Close())
}

// What is taken of the budget is at every moment what windows and promises
// hold, and it is whole again when every stream is closed.
func TestTheBudgetIsTheSumOfWhatIsReserved(t *testing.T) {
	for range 12 {
		seed := rand.Int63()
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewSource(seed))
			m := &model{rnd: rnd, now: time.Now(), nextID: 2, peer: make(map[*Dialogue]*peerHalf)}
			m.scripted = newScripted(t, func(c *Config) {
				c.Memory = 1<<rnd.Intn(26) + 1<<20
				c.Budget.Give(c.Memory - c.Budget.Left())
				c.OpenBacklog, c.MaxStreams = 1+rnd.Intn(20), 1+rnd.Intn(40)
				c.Peer.OpenCredit.Opens = 30
			})
			m.add(m.m.Default())
			m.check("new")
			for range 800 {
				m.check(m.step())
			}
			for _, d := range m.all {
				m.endByPeer(d)
				require.NoError(t, d.Close())
				m.check("closed")
			}
			for _, d := range m.all {
				require.Zero(t, reserved(d))
			}
			require.Equal(t, m.m.cfg.Memory-m.m.granted(), m.m.cfg.Budget.Left())
			require.Empty(t, m.m.dialogues)
			require.Zero(t, m.m.unread.Load())
			for _, d := range m.all {
				require.Len(t, m.overs(d), 1)
			}
		})
	}
}
