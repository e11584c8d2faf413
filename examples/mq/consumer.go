package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/mq/internal/proto"
	"github.com/singchia/geminio/options"
)

// runConsumer is the consumer.
func runConsumer(ctx context.Context, flags *flag.FlagSet, args []string) error {
	var p peer
	c := consumer{begin: time.Now(), out: os.Stdout}
	p.define(flags)
	flags.StringVar(&c.sub.Topic, "topic", "", "the `name` of the topic")
	flags.StringVar(&c.sub.Group, "group", "", "the `name` of the group: each message goes to one of its members")
	flags.IntVar(&c.sub.Prefetch, "prefetch", 64, "how many messages may be on their way here, unacknowledged")
	flags.DurationVar(&c.work, "work", 0, "how long to work on each message before it is acknowledged")
	flags.IntVar(&c.limit, "n", 0, "end after so many `messages`; 0: never")
	flags.BoolVar(&c.quiet, "quiet", false, "do not print messages")
	forget := flags.Bool("unsubscribe", false, "have the broker forget the group instead, which must have no members")
	if err := p.parse(args); err != nil {
		return err
	}
	if _, err := proto.ParseSubscription(c.sub.Encode()); err != nil {
		return p.usage("%s", err)
	}
	if c.work < 0 || c.limit < 0 {
		return p.usage("-work and -n must not be less than 0")
	}

	end, err := p.connect()
	if err != nil {
		return err
	}
	defer end.Close()
	if *forget {
		_, err := end.Call(ctx, proto.MethodUnsubscribe, end.NewRequest(c.sub.Encode()))
		return err
	}
	err = c.run(ctx, end)
	took := time.Since(c.begin)
	fmt.Fprintf(os.Stderr, "consumed %d messages (%d redelivered) in %s, %.0f/s\n",
		c.count, c.redelivered, took.Round(time.Millisecond), float64(c.count)/took.Seconds())
	return err
}

// consumer is a member of a group.
type consumer struct {
	sub   proto.Subscription
	work  time.Duration
	limit int
	quiet bool
	out   io.Writer

	begin              time.Time // of the first message
	count, redelivered int
}

// run consumes until ctx ends or there were enough messages. A stream ends with
// its session, which ends with the broker: then it subscribes again.
func (c *consumer) run(ctx context.Context, end geminio.End) error {
	for {
		stream, err := c.subscribe(ctx, end)
		if ctx.Err() != nil {
			return nil
		}
		var refused *geminio.RemoteError
		switch {
		case err == nil:
			finished, err := c.consume(ctx, stream)
			stream.Close()
			if finished || err != nil {
				return err
			}
		case errors.As(err, &refused):
			return err
		case err == io.EOF: // the End is closed
			return err
		default:
			log.Warnf("subscribing: %s", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// subscribe opens the stream that is the subscription. OpenStream knows no
// context: closing the End ends it.
func (c *consumer) subscribe(ctx context.Context, end geminio.End) (geminio.Stream, error) {
	defer context.AfterFunc(ctx, func() { end.Close() })()
	opts := options.OpenStream()
	opts.SetMeta(c.sub.Encode())
	return end.OpenStream(opts)
}

// consume handles messages until the stream ends, for which it returns false,
// or nothing more is to be done.
func (c *consumer) consume(ctx context.Context, stream geminio.Stream) (finished bool, err error) {
	for {
		msg, err := stream.Receive(ctx)
		if ctx.Err() != nil {
			return true, nil
		}
		if err != nil {
			log.Infof("subscription: %s", err)
			return false, nil
		}
		if c.count == 0 {
			c.begin = time.Now()
		}
		if err := c.handle(ctx, msg); err != nil {
			_ = msg.Error(err) // it is for somebody else
			if ctx.Err() != nil {
				err = nil
			}
			return true, err
		}
		if err := msg.Done(); err != nil {
			log.Infof("subscription: %s", err)
			return false, nil // it comes again
		}
		if c.count == c.limit {
			return true, nil
		}
	}
}

// handle prints a message and works on it, to the end if it returns nil.
func (c *consumer) handle(ctx context.Context, msg geminio.Message) error {
	header, err := proto.ParseHeader(msg.Custom())
	if err != nil {
		return err
	}
	c.count++
	mark := ""
	if header.Redelivered {
		c.redelivered++
		mark = " redelivered"
	}
	if !c.quiet {
		if _, err := fmt.Fprintf(c.out, "%s/%d%s: %s\n", msg.Topic(), header.Offset, mark, msg.Data()); err != nil {
			return err
		}
	}
	if c.work > 0 {
		select {
		case <-time.After(c.work):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
