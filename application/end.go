package application

import (
	"cmp"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
	"github.com/singchia/geminio/pkg/id"
	"github.com/singchia/geminio/pkg/outlet"
	"github.com/singchia/geminio/pkg/wait"
	"github.com/singchia/geminio/pkg/work"
)

// An End is one side of a connection: its default stream, and what opens,
// accepts and serves the others. All methods may be called concurrently.
type End struct {
	*Stream

	// immutable after New
	conn Conn
	cfg  Config
	log  log.Logger
	mux  *multiplexer.Multiplexer

	maxBody       int // the largest content that both sides allow
	firstRequest  int // the largest contents that take credit
	firstResponse int

	budget        *credit.Budget
	owed          owed
	dictionary    dictionary
	requests      sendCredit // for our calls
	responses     sendCredit // for our answers
	registerSlots sendCredit // for our registrations
	queue         serveQueue // the peer's calls
	work          work.Pool  // for their handlers
	registrar     registrar  // the peer's registrations
	callMemory    bodyMemory // for what the peer announces
	messageMemory bodyMemory
	publisher     *publisher // who the peer is; nil: nobody, or nobody remembers

	ended          chan struct{} // closed when the connection is being closed, or lost
	endOnce        sync.Once
	timers         sync.Pool // of *time.Timer
	batch          batch     // reader only
	idleCalls      sync.Pool // of *call
	idleServed     sync.Pool // of *served
	idlePublished  sync.Pool // of *publication
	idleExchanges  sync.Pool // of *exchange, of verdicts
	callOutlets    outlet.Outlets[*geminio.Call]
	publishOutlets outlet.Outlets[*geminio.Publish]

	mu sync.Mutex
	// mu guards
	accepted  acceptQueue
	callbacks int          // goroutines of callbacks that ConnOffline waits for
	offliner  *wait.Waiter // ConnOffline, waiting for them
	offline   bool         // ConnOffline is under way
	link      linkNews
}

var (
	_ geminio.End         = (*End)(nil)
	_ geminio.CloseWriter = (*End)(nil)
	_ geminio.CloseReader = (*End)(nil)
	_ io.WriterTo         = (*End)(nil)
	_ io.ReaderFrom       = (*End)(nil)
	_ multiplexer.Owner   = (*End)(nil)
)

// New returns the End on c, with its default stream. Nothing may have been
// received on c yet: it is to be started with Mux.
func New(c Conn, cfg Config) *End {
	if cfg.Log == nil {
		cfg.Log = log.DefaultLog
	}
	if cfg.PacketFactory == nil {
		cfg.PacketFactory = packet.NewPacketFactory(id.DefaultIncIDCounter)
	}
	limits, peer := cfg.Limits, cfg.Peer
	e := &End{
		conn: c, cfg: cfg, log: cfg.Log,
		maxBody:       min(limits.MaxBody, int(cmp.Or(peer.MaxBody, packet.MaxDecodablePacketLen))),
		firstRequest:  int(peer.CallCredit.RequestBytes),
		firstResponse: int(peer.CallCredit.ResponseBytes),
		budget:        credit.NewBudget(limits.WindowMemory),
		ended:         make(chan struct{}),
	}
	e.owed.kick = c.Kick
	e.setCredit()
	e.callOutlets.Ended, e.publishOutlets.Ended = e.ended, e.ended
	if cfg.Publishers != nil && peer.Publisher != ([16]byte{}) {
		e.publisher = cfg.Publishers.attach(peer.Publisher, time.Now())
	}
	e.mux = multiplexer.New(c, e, muxConfig(limits, peer, e.budget, cfg.WriteQueue))
	e.serveLocal()
	return e
}

// setCredit sets what both sides may send at first.
func (e *End) setCredit() {
	limits, allowed := e.cfg.Limits, &e.cfg.Peer.CallCredit
	e.requests.items.limit, e.requests.bytes.limit = allowed.Requests, allowed.RequestBytes
	e.requests.owe = func() { e.owed.addOnce(owesRequestsBlocked) }
	e.responses.items.limit, e.responses.bytes.limit = unlimited, allowed.ResponseBytes
	e.responses.owe = func() { e.owed.addOnce(owesResponsesBlocked) }
	e.registerSlots.items.limit, e.registerSlots.bytes.limit = registrationsInFlight, unlimited

	e.queue.most = limits.MaxRunningCalls
	e.queue.count = uint64(limits.MaxRunningCalls) + uint64(limits.MaxWaitingCalls)
	e.queue.limit = e.queue.count
	e.queue.owe = func() { e.owed.addOnce(owesCallCredit) }
	e.queue.requestBytes = credit.NewWindow(e.budget, limits.RequestWindow, limits.MaxCallWindow, 0)
	e.queue.responseBytes = credit.NewWindow(e.budget, limits.ResponseWindow, limits.MaxCallWindow, 0)
	e.budget.Reserve(limits.RequestWindow + limits.ResponseWindow + limits.MessageWindow - limits.MinMessageWindow)

	e.registrar.end, e.registrar.most = e, limits.MaxRegistrations
	owesGrant := func(a *announced) { e.owed.add(debt{kind: owesGrant, body: a}) }
	e.callMemory.left, e.callMemory.owe = limits.CallBodyMemory, owesGrant
	e.messageMemory.left, e.messageMemory.owe = limits.MessageBodyMemory, owesGrant
}

// muxConfig is what the streams of an End are made with.
func muxConfig(limits *options.Limits, peer *packet.Hello, budget *credit.Budget, writeQueue int) multiplexer.Config {
	return multiplexer.Config{
		Budget: budget,
		Memory: limits.WindowMemory,

		StreamWindow:    limits.StreamWindow,
		MaxStreamWindow: limits.MaxStreamWindow,
		MinStreamWindow: limits.MinStreamWindow,

		MessageWindow:       limits.MessageWindow,
		StreamMessageWindow: limits.StreamMessageWindow,
		MinMessageWindow:    limits.MinMessageWindow,

		WriteQueue: writeQueue,

		MaxStreams:  limits.MaxStreams,
		OpenBacklog: limits.OpenBacklog,

		Peer: peer,
	}
}

// Offer returns what an End with these limits allows its peer at first: the
// part of the Hello that is about credit. limits must be resolved.
func Offer(limits options.Limits) packet.Hello {
	return packet.Hello{
		StreamWindow:  uint32(limits.StreamWindow),
		MessageWindow: uint32(limits.MessageWindow),
		OpenCredit:    multiplexer.FirstOpens(muxConfig(&limits, nil, nil, 0)),
		CallCredit: packet.CreditCall{
			Requests:      uint64(limits.MaxRunningCalls) + uint64(limits.MaxWaitingCalls),
			RequestBytes:  uint64(limits.RequestWindow),
			ResponseBytes: uint64(limits.ResponseWindow),
		},
		MaxBody: uint32(limits.MaxBody),
	}
}

// Mux returns what the connection must be started with.
func (e *End) Mux() *multiplexer.Multiplexer { return e.mux }

// Addr returns the address of this side of the connection.
func (e *End) Addr() net.Addr { return e.conn.LocalAddr() }

// Close closes all streams and the connection. It waits, at most 5 s, for the
// peer to have done the same, and not for ConnOffline. It returns nil, also
// when called again.
func (e *End) Close() error {
	e.mux.Close()
	e.markEnded()
	e.conn.Close()
	e.goOffline(func() {}) // what may still drain concerns nobody here
	return nil
}

// NewDialogue makes the stream of d.
func (e *End) NewDialogue(d *multiplexer.Dialogue) multiplexer.Receiver {
	s := &Stream{Dialogue: d, end: e}
	if e.Stream == nil {
		e.Stream = s // the multiplexer makes the default dialogue first
		s.listed = true
	}
	return s
}

// HandleFrame takes what is about all calls of the connection.
func (e *End) HandleFrame(h packet.Header, payload []byte) error {
	switch h.Type {
	case packet.TypeMethodDef:
		return e.dictionary.handleMethodDef(payload)
	case packet.TypeCreditCall:
		c, err := packet.ParseCreditCall(payload)
		if err != nil {
			return err
		}
		if err := e.requests.raise(c.Requests, c.RequestBytes); err != nil {
			return err
		}
		return e.responses.raise(unlimited, c.ResponseBytes)
	case packet.TypeBlocked:
		b, err := packet.ParseBlocked(h, payload)
		if err != nil {
			return err
		}
		e.queue.setBlocked(b)
		return nil
	case packet.TypeRequest, packet.TypeResponse:
		return e.handleStray(h, payload)
	default:
		return errUnexpectedFrame
	}
}

// handleStray counts a call or an answer on a stream that is gone: their
// credit is the connection's.
func (e *End) handleStray(h packet.Header, payload []byte) error {
	announced := h.Flags&packet.FlagMORE != 0
	if h.Type == packet.TypeRequest {
		r, err := packet.ParseRequest(h, payload)
		if err != nil {
			return err
		}
		size := int(r.CustomLen) + int(r.DataLen)
		if announced && size > e.cfg.Limits.RequestWindow {
			size = 0 // it waits for a grant that does not come
		}
		return e.queue.discard(size)
	}
	r, err := packet.ParseResponse(h, payload)
	if err != nil {
		return err
	}
	size := int(r.CustomLen) + int(r.DataLen)
	if !announced || size > e.cfg.Limits.ResponseWindow {
		return nil
	}
	if err := e.queue.receiveResponse(size); err != nil {
		return err
	}
	e.queue.consumeResponse(size)
	return nil
}
