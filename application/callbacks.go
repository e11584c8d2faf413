package application

import (
	"runtime/debug"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/packet"
)

// A phase says how far the callbacks of a stream have come. They run one after
// the other.
type phase uint8

const (
	// phaseNone: none was called. The default stream stays here, and so does
	// one that was refused or never opened: it has no farewell either.
	phaseNone phase = iota
	// phaseOnline: DialogueOnline or AcceptStreamFunc runs.
	phaseOnline
	// phaseLive: they have returned.
	phaseLive
	// phaseOffline: the farewell, DialogueOffline and ClosedStreamFunc, runs or
	// has run.
	phaseOffline
)

// A describer shows a stream to the delegate.
type describer struct{ stream *Stream }

var _ delegate.DialogueDescriber = describer{}

func (d describer) NegotiatingID() uint64 { return d.stream.StreamID() }
func (d describer) DialogueID() uint64    { return d.stream.StreamID() }
func (d describer) ClientID() uint64      { return d.stream.ClientID() }
func (d describer) Meta() []byte          { return d.stream.Meta() }
func (d describer) Side() geminio.Side    { return d.stream.Side() }

// HandleOpen offers the stream of d to the application. Without callbacks that
// is done at once; else on a goroutine, which also runs the farewell if the
// stream is over by then.
func (e *End) HandleOpen(d *multiplexer.Dialogue) {
	s := d.Receiver().(*Stream)
	if e.cfg.AcceptStreamFunc == nil {
		e.accepted.push(e, s)
	}
	if e.cfg.Dialogues == nil && e.cfg.AcceptStreamFunc == nil {
		s.enter(phaseLive)
		e.accepted.ready(e, s)
		d.Accept()
		return
	}
	e.callbackBegins()
	go s.welcome()
}

// enter moves the stream to p.
func (s *Stream) enter(p phase) {
	s.mu.Lock()
	s.phase = p
	s.mu.Unlock()
}

// welcome runs the first callbacks of a stream that the peer opened, and
// answers the open, also where a callback ends the goroutine. It is the
// goroutine of these callbacks and blocks in them.
func (s *Stream) welcome() {
	e := s.end
	err := errNotOnline
	defer e.callbackReturns()
	defer func() { s.answerOpen(err) }()
	if err = s.online(); err == nil && e.cfg.AcceptStreamFunc != nil {
		s.list()
		e.protect("AcceptStreamFunc", func() { e.cfg.AcceptStreamFunc(s) })
	}
}

// answerOpen accepts the stream that the peer opened, or refuses it with err.
func (s *Stream) answerOpen(err error) {
	e := s.end
	if err != nil {
		s.enter(phaseNone)
		e.accepted.remove(e, s)
		e.mux.Accepted() // the application has dealt with it
		s.Refuse(uint32(packet.CodeRefused), err.Error())
		s.wrapUp(multiplexer.ClosedHere)
		return
	}
	if e.cfg.AcceptStreamFunc != nil {
		e.mux.Accepted()
	} else {
		e.accepted.ready(e, s)
	}
	s.Accept()
	if s.live() {
		e.callbackBegins()
		s.farewell()
	}
}

// online asks the delegate about the stream.
func (s *Stream) online() error {
	e := s.end
	s.enter(phaseOnline)
	if e.cfg.Dialogues == nil {
		return nil
	}
	err := errNotOnline // stays, should the callback panic
	e.protect("DialogueOnline", func() { err = e.cfg.Dialogues.DialogueOnline(describer{s}) })
	return err
}

// live says that the first callbacks have returned. It returns true if the
// stream is over already and the farewell is due.
func (s *Stream) live() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = phaseLive
	if s.over != 0 {
		s.phase = phaseOffline
	}
	return s.phase == phaseOffline
}

// offline starts the farewell of a stream that is over, unless its first
// callbacks still run: then these go on with it.
func (s *Stream) offline() {
	e := s.end
	s.mu.Lock()
	due := s.phase == phaseLive
	if due {
		s.phase = phaseOffline
	}
	s.mu.Unlock()
	if due && (e.cfg.Dialogues != nil || e.cfg.ClosedStreamFunc != nil) {
		e.callbackBegins()
		go s.farewell()
	}
}

// farewell runs the last callbacks and blocks in them. The caller has counted
// them.
func (s *Stream) farewell() {
	e := s.end
	defer e.callbackReturns()
	if e.cfg.Dialogues != nil {
		e.protect("DialogueOffline", func() {
			if err := e.cfg.Dialogues.DialogueOffline(describer{s}); err != nil {
				e.log.Debugf("client %d, stream %d: DialogueOffline: %v", s.ClientID(), s.StreamID(), err)
			}
		})
	}
	if e.cfg.ClosedStreamFunc != nil {
		e.protect("ClosedStreamFunc", func() { e.cfg.ClosedStreamFunc(s) })
	}
}

// protect runs a callback and logs its panic.
func (e *End) protect(name string, callback func()) {
	defer func() {
		if v := recover(); v != nil {
			e.log.Errorf("client %d: %s panicked: %v\n%s", e.cfg.ClientID, name, v, debug.Stack())
		}
	}()
	callback()
}
