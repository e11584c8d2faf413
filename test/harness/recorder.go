package harness

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
)

// An Event is one callback of a delegate.
type Event struct {
	Name     string // of the callback
	ClientID uint64
	StreamID uint64 // of callbacks about streams and registrations
	Method   string
	Meta     string
	Wanted   uint64 // of GetClientID
	Side     geminio.Side
}

// A Recorder is a delegate, of a client or a server, that keeps what it was
// told. A hook that is set runs before the event is kept, and decides what the
// callback returns.
type Recorder struct {
	Online         func(delegate.ConnDescriber) error
	Offline        func(delegate.ConnDescriber) error
	Beat           func(delegate.ConnDescriber) error
	Identify       func(wanted uint64, meta []byte) (uint64, error)
	StreamOnline   func(delegate.DialogueDescriber) error
	StreamOffline  func(delegate.DialogueDescriber) error
	Registration   func(method string, clientID, streamID uint64)
	AcceptStream   func(geminio.Stream)
	StreamIsClosed func(geminio.Stream)

	mu      sync.Mutex
	events  []Event
	changed chan struct{} // closed, and made anew, by each event
}

var (
	_ delegate.ClientDelegate = (*Recorder)(nil)
	_ delegate.ServerDelegate = (*Recorder)(nil)
)

func (r *Recorder) keep(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *Recorder) conn(name string, d delegate.ConnDescriber, hook func(delegate.ConnDescriber) error) (err error) {
	if hook != nil {
		err = hook(d)
	}
	r.keep(Event{Name: name, ClientID: d.ClientID(), Meta: string(d.Meta()), Side: d.Side()})
	return err
}

func (r *Recorder) dialogue(name string, d delegate.DialogueDescriber, hook func(delegate.DialogueDescriber) error) (err error) {
	if hook != nil {
		err = hook(d)
	}
	r.keep(Event{
		Name: name, ClientID: d.ClientID(), StreamID: d.DialogueID(),
		Meta: string(d.Meta()), Side: d.Side(),
	})
	return err
}

// ConnOnline keeps "ConnOnline".
func (r *Recorder) ConnOnline(d delegate.ConnDescriber) error {
	return r.conn("ConnOnline", d, r.Online)
}

// ConnOffline keeps "ConnOffline".
func (r *Recorder) ConnOffline(d delegate.ConnDescriber) error {
	return r.conn("ConnOffline", d, r.Offline)
}

// Heartbeat keeps "Heartbeat".
func (r *Recorder) Heartbeat(d delegate.ConnDescriber) error {
	return r.conn("Heartbeat", d, r.Beat)
}

// GetClientID keeps "GetClientID". Without a hook it grants what is wanted.
func (r *Recorder) GetClientID(wanted uint64, meta []byte) (id uint64, err error) {
	id = wanted
	if r.Identify != nil {
		id, err = r.Identify(wanted, meta)
	}
	r.keep(Event{Name: "GetClientID", ClientID: id, Wanted: wanted, Meta: string(meta)})
	return id, err
}

// DialogueOnline keeps "DialogueOnline".
func (r *Recorder) DialogueOnline(d delegate.DialogueDescriber) error {
	return r.dialogue("DialogueOnline", d, r.StreamOnline)
}

// DialogueOffline keeps "DialogueOffline".
func (r *Recorder) DialogueOffline(d delegate.DialogueDescriber) error {
	return r.dialogue("DialogueOffline", d, r.StreamOffline)
}

// RemoteRegistration keeps "RemoteRegistration".
func (r *Recorder) RemoteRegistration(method string, clientID, streamID uint64) {
	if r.Registration != nil {
		r.Registration(method, clientID, streamID)
	}
	r.keep(Event{Name: "RemoteRegistration", Method: method, ClientID: clientID, StreamID: streamID})
}

// EndReOnline keeps "EndReOnline".
func (r *Recorder) EndReOnline(d delegate.ClientDescriber) {
	r.keep(Event{Name: "EndReOnline", ClientID: d.ClientID()})
}

// Accepted is an AcceptStreamFunc: it keeps "AcceptStream".
func (r *Recorder) Accepted(s geminio.Stream) {
	if r.AcceptStream != nil {
		r.AcceptStream(s)
	}
	r.stream("AcceptStream", s)
}

// Closed is a ClosedStreamFunc: it keeps "ClosedStream".
func (r *Recorder) Closed(s geminio.Stream) {
	if r.StreamIsClosed != nil {
		r.StreamIsClosed(s)
	}
	r.stream("ClosedStream", s)
}

func (r *Recorder) stream(name string, s geminio.Stream) {
	r.keep(Event{
		Name: name, ClientID: s.ClientID(), StreamID: s.StreamID(),
		Meta: string(s.Meta()), Side: s.Side(),
	})
}

// Events returns what was kept so far, in its order.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// Names returns the names of what was kept so far.
func (r *Recorder) Names() []string {
	var names []string
	for _, e := range r.Events() {
		names = append(names, e.Name)
	}
	return names
}

// Of returns the events of one name.
func (r *Recorder) Of(name string) []Event {
	var of []Event
	for _, e := range r.Events() {
		if e.Name == name {
			of = append(of, e)
		}
	}
	return of
}

// Await waits until n events of that name were kept and returns them.
func (r *Recorder) Await(tb testing.TB, name string, n int) []Event {
	tb.Helper()
	enough := make(chan struct{})
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			changed := r.next()
			if len(r.Of(name)) >= n {
				close(enough)
				return
			}
			select {
			case <-changed:
			case <-stop:
				return
			}
		}
	}()
	WaitFor(tb, enough, Soon, fmt.Sprintf("%d times %s", n, name))
	of := r.Of(name)
	require.GreaterOrEqual(tb, len(of), n)
	return of
}

// next returns what the next event closes.
func (r *Recorder) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}
