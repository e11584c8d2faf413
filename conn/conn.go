package conn

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/go-timer/v2"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// Config is what a connection is made with. The zero value works.
type Config struct {
	Log   log.Logger  // nil: log.DefaultLog
	Timer timer.Timer // the beat runs on it, nothing else does; nil: the runtime's

	// Heartbeat is the interval of the beat that this side would have; the
	// smaller of both sides counts. 0: 20 s. Below 10 ms it is 10 ms.
	Heartbeat time.Duration

	// HandshakeTimeout is how long the peer may take to say what it must in
	// the handshake. 0: 10 s.
	HandshakeTimeout time.Duration

	// Offer is what this side allows the peer from the first frame on; its
	// role, versions, nonce and heartbeat are filled in.
	Offer packet.Hello

	// PacketFactory gives the first packet its id. nil: one over
	// id.DefaultIncIDCounter.
	PacketFactory packet.PacketFactory

	// Beat is called once for each beat of the peer, one call at a time,
	// never on the reader, at most beatsPending behind. nil: nothing.
	Beat func()

	// Retain keeps what was written until the peer has acknowledged it.
	Retain bool
}

func (cfg Config) withDefaults() Config {
	if cfg.Log == nil {
		cfg.Log = log.DefaultLog
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = defaultHeartbeat
	}
	cfg.Heartbeat = max(cfg.Heartbeat, leastHeartbeat)
	if cfg.HandshakeTimeout <= 0 {
		cfg.HandshakeTimeout = defaultHandshakeTimeout
	}
	if cfg.PacketFactory == nil {
		cfg.PacketFactory = packet.NewPacketFactory(nil)
	}
	return cfg
}

// hello is the offer of one role.
func (cfg Config) hello(role packet.Role) packet.Hello {
	h := cfg.Offer
	h.Role = role
	h.MaxFrame = packet.MaxPayload
	h.HeartbeatMS = uint32(min(cfg.Heartbeat/time.Millisecond, 1<<32-1))
	return h
}

// A Handler is the layer above. Its methods never block and never run user
// code; those that return an error end the connection with it. All but Compose
// and HandleClosed are called on the reader.
type Handler interface {
	// HandleFrame takes one frame whole. payload is valid until it returns.
	HandleFrame(h packet.Header, payload []byte) error

	// HandleData takes a part of a DATA frame, which begins at byte off of its
	// payload. A frame of at most 4 KiB comes in one part. part lies in s,
	// which may be retained; where s is nil, part is valid until it returns.
	HandleData(h packet.Header, off int, part []byte, s *slab.Slab) error

	// HandleBody takes a part of the bytes of a BODY frame, which begins at
	// byte off of them. part is valid until it returns.
	HandleBody(h packet.Header, b packet.BodyHead, off int, part []byte) error

	// EndBatch says that everything which came with one read was handed up.
	EndBatch()

	// Compose appends the frames that are owed. The flusher calls it before it
	// composes a batch, when Kick was called.
	Compose()

	// HandleClose says that the peer has closed the connection and said all it
	// had to say before. Offline is called when that has been dealt with.
	HandleClose(code packet.Code, text string)

	// HandleClosed says that the connection has ended, in order if err is nil,
	// else with a *LostError. The reader and the flusher have ended; nothing
	// is called after it.
	HandleClosed(err error)
}

// A Conn is one connection after its handshake, on either side. It implements
// what the multiplexer calls a link.
type Conn struct {
	// immutable after newConn and Start
	nc       net.Conn
	cfg      Config
	client   bool
	clientID uint64
	meta     []byte
	peer     packet.Hello
	handler  Handler
	gathers  bool            // the system takes many pieces in one write
	raw      syscall.RawConn // nil where the system has no such thing
	flushFn  func()

	// ended is closed when nothing more is to be expected of the peer: Close
	// returns then.
	ended chan struct{}

	pinned   atomic.Int64 // bytes of slabs that the layers above keep
	heard    atomic.Int64 // when something was last received: nanoseconds since born
	received atomic.Uint64
	bits     atomic.Bool // Compose of the handler is due
	born     time.Time

	mu sync.Mutex // the send mutex: guards what follows; innermost of all locks

	state     state
	closeDue  bool  // CLOSE is to be queued after all else
	closedDue bool  // CLOSED is
	said      bool  // nothing that is counted follows but what these two demand
	finishing bool  // nothing more will be queued: the transport ends when all is out
	mute      bool  // nothing can be written any more
	dead      bool  // the transport is closed, or about to be
	cause     error // why it was lost; nil: in order
	reading   bool  // the reader runs
	breached  bool  // it ended because the peer broke a rule
	writing   bool  // the flusher runs
	over      bool  // HandleClosed was called, or is about to be
	endedSet  bool  // ended is closed

	closeCode packet.Code
	closeText string

	control  queue
	messages queue
	bulk     queue
	ends     []ending // ENDs that wait for what was queued before them
	pos      uint64   // counted bytes ever composed
	flow     flow
	capped   bool       // what bulk holds may not go before the peer has acknowledged more
	retained []retained // what was written and not acknowledged, if Retain is set

	// what goes out at the next frame border without being counted
	prefaced  bool
	beatDue   bool
	pongs     owedPongs // by kind
	ackDue    bool
	ackTold   uint64 // the position that the peer was last told
	ackTimer  *time.Timer
	ackArmed  bool
	life      liveness
	lifeTimer *time.Timer
	beater    *beater
	lastTaken time.Time // when the transport last took something
	drain     *time.Timer
	holdEnd   time.Time // when a kick is due because stream bytes were held

	beats beatCalls

	// flusher only
	out batch

	// reader only
	in      parser
	goodbye packet.Type // CLOSE or CLOSED, the last of them that came in
}

// An owedPong is the answer to a PING: one for each kind, to the newest.
type owedPong struct {
	due  bool
	ping packet.Ping
}

type owedPongs [packet.PingProbe + 1]owedPong

// An ending is an END that waits until both queues are composed up to its
// marks.
type ending struct {
	stream         uint32
	messages, bulk uint64
}

// A retained piece stays until the peer has acknowledged everything up to end.
type retained struct {
	piece
	end uint64
}

func newConn(nc net.Conn, cfg Config, client bool, clientID uint64, meta []byte, peer packet.Hello) *Conn {
	if beat := time.Duration(peer.HeartbeatMS) * time.Millisecond; beat > 0 {
		cfg.Heartbeat = max(min(cfg.Heartbeat, beat), leastHeartbeat)
	}
	now := time.Now()
	c := &Conn{
		nc: nc, cfg: cfg, client: client, clientID: clientID, meta: meta, peer: peer,
		ended: make(chan struct{}), born: now, lastTaken: now,
		life: liveness{interval: cfg.Heartbeat, beats: client, beat: now},
	}
	c.control.bound, c.messages.bound, c.bulk.bound = controlBound, queueBound, queueBound
	c.flushFn = c.flush
	c.beats.call = cfg.Beat
	c.raw = rawConn(nc)
	switch nc.(type) { // these very types: what wraps them may have a Write of its own
	case *net.TCPConn, *net.UnixConn:
		c.gathers = true
	}
	return c
}

// Client tells whether this side dialled.
func (c *Conn) Client() bool { return c.client }

// ClientID returns the id of the client, on both sides.
func (c *Conn) ClientID() uint64 { return c.clientID }

// Meta returns what the client said of itself, on both sides.
func (c *Conn) Meta() []byte { return c.meta }

// Peer returns what the peer allowed in the handshake.
func (c *Conn) Peer() packet.Hello { return c.peer }

// LocalAddr returns the address of this side of the transport.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr returns the address of the other side of the transport.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Pinned returns how many bytes of receive buffers the layers above keep.
func (c *Conn) Pinned() int { return int(c.pinned.Load()) }

// RTT returns the lowest round trip of late, 0 while it is unknown.
func (c *Conn) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flow.rtt
}

// Start brings the connection to life: from now on h is called. It is called
// once.
func (c *Conn) Start(h Handler) {
	c.handler = h
	c.heard.Store(int64(time.Since(c.born)))
	c.mu.Lock()
	c.step(established)
	c.reading = true
	c.lifeTimer = time.AfterFunc(c.life.interval, c.checkLife)
	if c.client {
		c.beater = newBeater(c.cfg.Timer, c.life.interval, c.beat)
	}
	b := c.beater
	c.mu.Unlock()
	c.cfg.Log.Debugf("%v: open", c)
	go c.readLoop()
	if b != nil {
		b.start()
	}
}

// step moves the machine on and does what that obliges to, but for what is to
// be done without the mutex, which it returns. The mutex is held.
func (c *Conn) step(e event) (effect, bool) {
	next, effects, ok := c.state.step(e)
	if !ok {
		return 0, false
	}
	c.state = next
	if effects&sendClose != 0 {
		c.closeDue = true
	}
	if effects&sendClosed != 0 {
		c.closedDue = true
	}
	if effects&finish != 0 {
		c.finishing = true
		c.startDrain()
	}
	if effects&abort != 0 {
		c.dead = true
	}
	if (next == closed || next == closingByThem) && !c.endedSet {
		c.endedSet = true
		close(c.ended)
	}
	return effects, true
}

// fail ends the connection at once, with the first cause it is given.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return
	}
	if c.state != closed && c.cause == nil {
		c.cause = &LostError{cause}
	}
	c.step(lost)
	c.dead = true
	c.control.wakeAll()
	c.messages.wakeAll()
	c.bulk.wakeAll()
	c.mu.Unlock()
	c.nc.Close()
	c.settle()
}

// settle calls HandleClosed when the transport has ended and neither the
// reader nor the flusher runs any more. Whoever ends last calls it.
func (c *Conn) settle() {
	c.mu.Lock()
	if !c.dead || c.reading || c.writing || c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	for _, t := range []*time.Timer{c.ackTimer, c.lifeTimer, c.drain} {
		if t != nil {
			t.Stop()
		}
	}
	c.dropQueued()
	b, cause, breached := c.beater, c.cause, c.breached
	c.mu.Unlock()
	if b != nil {
		b.stop()
	}
	switch { // a warning only where the peer is at fault
	case cause == nil:
		c.cfg.Log.Debugf("%v: closed", c)
	case breached:
		c.cfg.Log.Warnf("%v: %v", c, cause)
	default:
		c.cfg.Log.Debugf("%v: %v", c, cause)
	}
	c.handler.HandleClosed(cause)
}

// String names the connection in logs.
func (c *Conn) String() string {
	return fmt.Sprintf("connection of client %d with %v", c.clientID, c.nc.RemoteAddr())
}

// dropQueued gives everything back that was not written or not acknowledged.
func (c *Conn) dropQueued() {
	for _, q := range []*queue{&c.control, &c.messages, &c.bulk} {
		for q.head != nil {
			q.dropHead()
		}
	}
	for _, r := range c.retained {
		r.seg.release()
	}
	c.retained, c.ends = nil, nil
}
