package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jumboframes/armorigo/log"
	"golang.org/x/term"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/filepush/internal/push"
	"github.com/singchia/geminio/examples/internal/program"
)

// farewell is how long a client that could not take a file waits while nothing
// comes: for what else there is, and for the server to say bye, so that the
// server learns why.
const farewell = 2 * time.Second

// errInterrupted is what a signal ends it with.
var errInterrupted = errors.New("interrupted")

// receiver is the client with its flags.
type receiver struct {
	addr, dir string
	wait      bool
	token     program.Token
	tls       program.ClientTLS

	folder   *folder
	progress *progress
	busy     chan struct{} // holds one while somebody uses a file of the folder
	asked    atomic.Int64  // offers and streams that have come

	mu     sync.Mutex
	failed error         // the first error on this side, guarded by mu
	broken chan struct{} // closed when failed is set
}

// run receives files until the server says bye or ctx ends.
func (r *receiver) run(ctx context.Context) error {
	token, err := r.token.Value()
	if err != nil {
		return err
	}
	if r.folder, err = openFolder(r.dir); err != nil {
		return err
	}
	defer r.folder.close()
	r.progress = newProgress(os.Stdout)
	if r.progress.terminal != nil && term.IsTerminal(int(os.Stderr.Fd())) {
		log.SetOutput(r.progress.lines())
	}
	r.busy, r.broken = make(chan struct{}, 1), make(chan struct{})

	end, err := r.connect(ctx, token)
	if err != nil {
		return err
	}
	received := make(chan struct{})
	go func() {
		defer close(received)
		for {
			stream, err := end.AcceptStream()
			if err != nil {
				return
			}
			r.receive(ctx, stream)
		}
	}()
	err = r.untilBye(ctx, end)
	end.Close()
	<-received
	return err
}

// connect returns an End that outlives its connections.
func (r *receiver) connect(ctx context.Context, token string) (geminio.End, error) {
	dialer, err := r.tls.Dialer(ctx, r.addr)
	if err != nil {
		return nil, err
	}
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(token))
	opts.SetDelegate(&watcher{progress: r.progress})
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: push.MethodOffer, RPC: r.offered})
	if r.wait {
		opts.SetLazyDial()
	}
	end, err := program.Connect(ctx, dialer, opts)
	if ctx.Err() != nil {
		if err == nil {
			end.Close()
		}
		return nil, errInterrupted
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", r.addr, err)
	}
	return end, nil
}

// untilBye returns when the server has nothing more to push, or this side
// cannot go on.
func (r *receiver) untilBye(ctx context.Context, end geminio.End) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		r.giveUp(ctx)
	}()
	msg, err := end.Receive(ctx)
	if failed := r.failure(); failed != nil {
		if err == nil {
			_ = msg.Done()
		}
		return failed
	}
	if err != nil {
		return fmt.Errorf("%w: what is there stays there, start it again to go on", errInterrupted)
	}
	var bye push.Bye
	if err := push.Decode(msg.Data(), &bye); err != nil {
		return errors.Join(err, msg.Error(err))
	}
	_ = msg.Done() // the server may be gone, which is its affair
	if bye.Error != "" {
		return fmt.Errorf("server: %q", bye.Error)
	}
	return nil
}

// giveUp returns when this side has failed and nothing comes any more.
func (r *receiver) giveUp(ctx context.Context) {
	select {
	case <-r.broken:
	case <-ctx.Done():
		return
	}
	for before := int64(-1); len(r.busy) > 0 || r.asked.Load() != before; {
		before = r.asked.Load()
		select {
		case <-time.After(farewell):
		case <-ctx.Done():
			return
		}
	}
}

// fail remembers why this side cannot take a file.
func (r *receiver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
		close(r.broken)
	}
}

func (r *receiver) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// offered answers an offer with what is there of the file.
func (r *receiver) offered(ctx context.Context, req geminio.Request, rsp geminio.Response) {
	r.asked.Add(1)
	var offer push.Offer
	has, err := push.Has{}, push.Decode(req.Data(), &offer)
	if err == nil {
		err = offer.Check()
	}
	if err == nil {
		select {
		case r.busy <- struct{}{}: // a stream of the session before may not have ended
			has, err = r.folder.has(ctx, offer)
			<-r.busy
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		if ctx.Err() == nil { // otherwise there will be another offer
			r.fail(err)
		}
		rsp.SetError(err)
		return
	}
	if has.Whole {
		r.progress.say("%s: is there already", offer.Name)
	}
	rsp.SetData(push.Encode(has))
}

// receive takes the bytes of a file, and gives the server the verdict.
func (r *receiver) receive(ctx context.Context, stream geminio.Stream) {
	defer stream.Close()
	r.asked.Add(1)
	r.busy <- struct{}{}
	defer func() { <-r.busy }()

	err := r.take(ctx, stream)
	if lost(err) || ctx.Err() != nil {
		return // there will be another offer
	}
	if err != nil && !errors.Is(err, push.ErrDamaged) { // the server offers that once more
		r.fail(err)
	}
	// Whatever is still on the way is not wanted. Messages go on.
	_ = stream.(geminio.CloseReader).CloseRead()
	if question, receiveErr := stream.Receive(ctx); receiveErr == nil {
		_ = question.Error(err) // Done, if err is nil
	}
}

// lost tells that it was not the disk that failed but the way to the server.
func lost(err error) bool {
	var closed *geminio.StreamError
	return errors.Is(err, errShort) || errors.Is(err, geminio.ErrSessionLost) || errors.As(err, &closed)
}

// errShort tells that a stream ended before all bytes had come.
var errShort = errors.New("file is shorter than offered")

// take puts what comes on a stream behind what is there, and gives the file
// its name when it is whole.
func (r *receiver) take(ctx context.Context, stream geminio.Stream) (err error) {
	var start push.Start
	if err := push.Decode(stream.Meta(), &start); err != nil {
		return err
	}
	if err := start.Check(); err != nil {
		return err
	}
	f, err := r.folder.open(start)
	if err != nil {
		return err
	}
	defer f.Close()

	r.progress.begin(start.Name, start.Size, start.From)
	defer func() {
		if err != nil && ctx.Err() != nil { // whatever that led to
			err = errInterrupted
		}
		r.progress.end(err)
	}()
	missing := start.Size - start.From
	n, err := io.Copy(io.MultiWriter(f, r.progress), io.LimitReader(stream, missing))
	if err != nil {
		return err
	}
	if n < missing {
		return errShort
	}
	return r.folder.finish(ctx, f, start.Offer)
}

// watcher tells the user what happens to the connection.
type watcher struct {
	delegate.UnimplementedDelegate
	progress *progress
}

// ConnSuspended tells that the connection is cut.
func (w *watcher) ConnSuspended(delegate.ConnDescriber) {
	w.progress.say("connection lost, dialing again")
}

// ConnResumed tells that another one goes on with it.
func (w *watcher) ConnResumed(delegate.ConnDescriber) {
	w.progress.say("connection is back")
}

// EndReOnline tells that the server is there again, but knows nothing of what
// was.
func (w *watcher) EndReOnline(delegate.ClientDescriber) {
	w.progress.say("connected to a server that was restarted, or had given up waiting")
}
