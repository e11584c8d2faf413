package conn

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
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

	// Resume has a client ask for a session that survives its transport.
	Resume bool

	// Grace is how long the sessions that a server grants survive without a
	// transport. 0: it grants none.
	Grace time.Duration

	// Instance names what knows the sessions of a server: one process, as a
	// rule.
	Instance [16]byte

	// Suspended is called when a transport was lost, its goroutines have ended
	// and the session lives on; Resumed when another transport carries it. They
	// are called alternately, with no lock held, and must not block.
	Suspended func(cause error)
	Resumed   func()
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

// A Conn is one connection after its handshake, on either side. It is a session
// and what carries it: one transport, or, where both sides want that, one after
// the other. It implements what the multiplexer calls a link.
type Conn struct {
	session

	// immutable after newConn and Start
	log           log.Logger
	client        bool
	clientID      uint64
	meta          []byte
	peer          *packet.Hello // never changed; the layers above share it
	local, remote net.Addr      // of the first transport
	ticket        *ticket       // what a resume needs; nil: the session ends with its transport
	flushFn       func()

	// what Config has for a session that outlives its transport
	onSuspended func(cause error)
	onResumed   func()
	greets      *Config // what a client that would resume greets with

	// ended is closed when nothing more is to be expected of the peer: Close
	// returns then.
	ended chan struct{}

	pinned atomic.Int64 // bytes of slabs that the layers above keep
	heard  atomic.Int64 // when something was last received: nanoseconds since born
	born   time.Time
	beats  beatCalls

	resuming sync.Mutex // one resume at a time, on the server; outermost of all locks

	// mu guards
	transport *transport // the current one, or the last
	carried   bool       // it is one that was not taken away yet
	reading   bool       // the reader runs
	settling  bool       // somebody tells of what happened
	breached  bool       // the peer broke a rule
	over      bool       // HandleClosed was called, or is about to be
	endedSet  bool       // ended is closed
	lostBy    error      // why the transport was lost
	cause     error      // why the session was; nil: in order

	ackTimer  *time.Timer
	ackArmed  bool
	life      liveness
	lifeAt    time.Time // when lifeTimer fires
	lifeTimer *time.Timer
	beater    *beater
	drain     *time.Timer
	grace     *time.Timer
	holdEnd   time.Time // when a kick is due because stream bytes were held
}

func newConn(nc net.Conn, cfg Config, client bool, clientID uint64, meta []byte, peer *packet.Hello) *Conn {
	if beat := time.Duration(peer.HeartbeatMS) * time.Millisecond; beat > 0 {
		cfg.Heartbeat = max(min(cfg.Heartbeat, beat), leastHeartbeat)
	}
	now := time.Now()
	c := &Conn{
		log: cfg.Log, client: client, clientID: clientID, meta: meta, peer: peer,
		local: nc.LocalAddr(), remote: nc.RemoteAddr(),
		ended: make(chan struct{}), born: now,
		onSuspended: cfg.Suspended, onResumed: cfg.Resumed,
		life:      liveness{interval: cfg.Heartbeat, beats: client, beat: now},
		transport: newTransport(nc),
	}
	c.session.init(c, now)
	c.flushFn = c.flush
	c.beats.call = cfg.Beat
	if client {
		c.beater = newBeater(cfg.Timer, cfg.Heartbeat, c.beat)
	}
	if client && cfg.Resume {
		kept := cfg
		c.greets = &kept
	}
	return c
}

// Client tells whether this side dialled.
func (c *Conn) Client() bool { return c.client }

// ClientID returns the id of the client, on both sides.
func (c *Conn) ClientID() uint64 { return c.clientID }

// Meta returns what the client said of itself, on both sides.
func (c *Conn) Meta() []byte { return c.meta }

// Peer returns what the peer allowed in the handshake. It is not to be changed.
func (c *Conn) Peer() *packet.Hello { return c.peer }

// LocalAddr returns the address of this side of the first transport.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other side of the first transport.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

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
	c.mu.Lock()
	c.retain = c.ticket != nil
	c.life.eager = c.retain
	c.step(established)
	b := c.beater
	now := time.Now()
	c.resume.at = now
	c.carry(now)
	c.mu.Unlock()
	c.log.Debugf("%v: open", c)
	if b != nil {
		b.start()
	}
}

// carry lets the current transport carry the session. The mutex is held.
func (c *Conn) carry(now time.Time) {
	t := c.transport
	c.heard.Store(int64(now.Sub(c.born)))
	c.carried, c.down, c.reading = true, false, true
	c.setLife(now, now.Add(c.life.interval))
	go c.readLoop(t)
	c.kick()
}

// stepped does what a step obliges to. The mutex is held.
func (c *Conn) stepped(effects effect) {
	if effects&finish != 0 {
		c.startDrain()
	}
	if (c.state == closed || c.state == closingByThem) && !c.endedSet {
		c.endedSet = true
		close(c.ended)
	}
}

// beaten is called for each beat of the peer.
func (c *Conn) beaten() { c.beats.add() }

// lose is for a transport that failed: the session goes on without, if it can,
// else it ends. Only the first failure of a transport counts.
func (c *Conn) lose(t *transport, cause error) {
	c.mu.Lock()
	if c.transport != t || c.down {
		c.mu.Unlock()
		return
	}
	if c.retain && c.state != closed {
		// The reader may still be taking what it has read, a CLOSE too.
		c.down, c.lostBy = true, cause
	} else {
		c.end(cause)
	}
	c.mu.Unlock()
	t.Close()
	c.settle()
}

// fail ends the session at once, with the first cause it is given.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return
	}
	c.end(cause)
	t := c.transport
	c.mu.Unlock()
	t.Close()
	c.settle()
}

// end notes that the session is over. The mutex is held.
func (c *Conn) end(cause error) {
	if c.state != closed && c.cause == nil {
		c.cause = &LostError{cause}
	}
	c.step(lost)
	c.dead, c.down = true, true
	c.control.wakeAll()
	c.messages.wakeAll()
	c.bulk.wakeAll()
}

// String names the connection in logs.
func (c *Conn) String() string {
	return fmt.Sprintf("connection of client %d with %v", c.clientID, c.remote)
}
