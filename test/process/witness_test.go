package process

import (
	"fmt"
	"io"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/delegate"
)

// quiet returns a logger that says nothing.
func quiet() log.Logger { return log.NewLog().WithOutput(io.Discard) }

// witness is a delegate, of a client or a server, that tells what becomes of
// sessions.
type witness struct {
	delegate.UnimplementedDelegate
	tell func(string)
}

var (
	_ delegate.ClientDelegate  = (*witness)(nil)
	_ delegate.ServerDelegate  = (*witness)(nil)
	_ delegate.SuspendDelegate = (*witness)(nil)
)

// What a witness tells, each with the id of the client behind it. All begin
// with Conn.
const (
	online    = "ConnOnline"
	offline   = "ConnOffline"
	suspended = "ConnSuspended"
	resumed   = "ConnResumed"
	reOnline  = "ConnReOnline" // EndReOnline
)

func (w *witness) about(what string, d delegate.ClientDescriber) {
	w.tell(fmt.Sprintf("%s %d", what, d.ClientID()))
}

func (w *witness) ConnOnline(d delegate.ConnDescriber) error {
	w.about(online, d)
	return nil
}

func (w *witness) ConnOffline(d delegate.ConnDescriber) error {
	w.about(offline, d)
	return nil
}

func (w *witness) ConnSuspended(d delegate.ConnDescriber) { w.about(suspended, d) }

func (w *witness) ConnResumed(d delegate.ConnDescriber) { w.about(resumed, d) }

func (w *witness) EndReOnline(d delegate.ClientDescriber) { w.about(reOnline, d) }

// GetClientID grants the id that is asked for.
func (w *witness) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, nil }
