package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/filepush/internal/push"
	"github.com/singchia/geminio/options"
)

// tries is how often a file is offered that changes while it is pushed.
const tries = 5

// errChanged says that a file is no longer what was offered.
var errChanged = errors.New("file changed while it was pushed")

// pusher pushes to one client.
type pusher struct {
	number int64 // of the client, for the user
	end    geminio.End
	limit  float64 // MB/s, 0: none
}

func (p *pusher) say(format string, args ...any) {
	fmt.Printf("client %d: %s\n", p.number, fmt.Sprintf(format, args...))
}

// pushAll pushes one file after the other, and says bye. A file that cannot be
// pushed does not hold up the others; a client that is gone does.
func (p *pusher) pushAll(ctx context.Context, sources []*source) error {
	var failed error
	for _, s := range sources {
		err := p.pushUntilWhole(ctx, s)
		if err == nil {
			continue
		}
		if gone(err) || ctx.Err() != nil {
			return fmt.Errorf("gone: %w", err)
		}
		p.say("%v", err)
		failed = errors.Join(failed, err)
	}
	var bye push.Bye
	if failed != nil {
		bye.Error = failed.Error()
	}
	if err := p.end.Publish(ctx, p.end.NewMessage(push.Encode(bye))); err != nil {
		return fmt.Errorf("gone: %w", err)
	}
	if failed != nil {
		return errors.New("did not get everything")
	}
	return nil
}

// gone tells whether the client is.
func gone(err error) bool {
	var call *geminio.CallError
	return errors.As(err, &call) || errors.Is(err, geminio.ErrSessionLost) || errors.Is(err, io.EOF)
}

// pushUntilWhole pushes one file, and again if it has changed meanwhile.
func (p *pusher) pushUntilWhole(ctx context.Context, s *source) error {
	for try := 1; ; try++ {
		err := p.push(ctx, s)
		if !errors.Is(err, errChanged) || try == tries {
			return err
		}
		p.say("%s: %v: once more", s.name(), errChanged)
		s.forget()
	}
}

// push offers a file, sends what is missing, and waits until the client has
// the whole file on its disk.
func (p *pusher) push(ctx context.Context, s *source) error {
	f, offer, err := s.offer(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	rsp, err := p.end.Call(ctx, push.MethodOffer, p.end.NewRequest(push.Encode(offer)))
	if err != nil {
		return fmt.Errorf("%s: offer: %w", offer.Name, err)
	}
	var has push.Has
	if err := push.Decode(rsp.Data(), &has); err != nil {
		return err
	}
	if has.Whole {
		p.say("%s: is there already", offer.Name)
		return nil
	}
	from, err := push.Common(ctx, f, offer.Size, offer.Block, has)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errChanged
	}
	if err != nil {
		return fmt.Errorf("%s: hash: %w", offer.Name, err)
	}
	p.say("%s: from byte %d of %d, of %d there", offer.Name, from, offer.Size, has.Bytes)
	begin := time.Now()
	if err := p.send(ctx, f, push.Start{Offer: offer, From: from}); err != nil {
		return fmt.Errorf("%s: %w", offer.Name, err)
	}
	p.say("%s: whole, %s in %v", offer.Name, push.Size(offer.Size-from), time.Since(begin).Round(time.Millisecond))
	return nil
}

// send writes the bytes to a stream of their own and asks for the verdict.
func (p *pusher) send(ctx context.Context, f *os.File, start push.Start) error {
	opts := options.OpenStream()
	opts.SetMeta(push.Encode(start))
	stream, err := p.end.OpenStream(opts)
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	defer stream.Close()

	missing := start.Size - start.From
	sent, err := io.Copy(p.limited(ctx, stream), io.NewSectionReader(f, start.From, missing))
	var refused *geminio.StreamError
	switch {
	case errors.As(err, &refused): // the verdict tells why
	case err != nil:
		return fmt.Errorf("send: %w", err)
	case sent < missing:
		return errChanged
	}

	err = stream.Publish(ctx, stream.NewMessage([]byte("whole?")))
	var verdict *geminio.RemoteError
	if errors.As(err, &verdict) && verdict.Text == push.ErrDamaged.Error() {
		return errChanged
	}
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return nil
}
