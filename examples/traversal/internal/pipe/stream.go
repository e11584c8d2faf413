package pipe

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// ErrTorn is returned by the Read of a Stream that the other side has aborted.
var ErrTorn = errors.New("connection torn at the other side of the tunnel")

// Stream is a stream that tells an end from a tear: that Close is an orderly
// end is all that a stream knows, so Abort sends a message before it. Both sides
// of the stream must be a Stream.
type Stream struct{ geminio.Stream }

// Read reads from the stream.
func (s Stream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if err == io.EOF && s.torn() {
		err = ErrTorn
	}
	return n, err
}

// WriteTo writes to w what Read would return.
func (s Stream) WriteTo(w io.Writer) (int64, error) {
	n, err := s.Stream.(io.WriterTo).WriteTo(w)
	if err == nil && s.torn() {
		err = ErrTorn
	}
	return n, err
}

// ReadFrom writes what r returns.
func (s Stream) ReadFrom(r io.Reader) (int64, error) { return s.Stream.(io.ReaderFrom).ReadFrom(r) }

// CloseWrite ends what is written.
func (s Stream) CloseWrite() error { return s.Stream.(geminio.CloseWriter).CloseWrite() }

// Abort closes the stream so that the other side does not take what it got for
// all there is.
func (s Stream) Abort() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	opts := options.NewMessage()
	opts.SetCnss(options.CnssAtMostOnce)
	_ = s.Publish(ctx, s.NewMessage(nil, opts)) // the stream may have ended already
	return s.Close()
}

// torn tells whether the message of Abort has come; it is before the end.
func (s Stream) torn() bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // what has arrived is returned all the same
	_, err := s.Receive(ctx)
	return err == nil
}
