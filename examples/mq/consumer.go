package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/mq/internal/proto"
	"github.com/singchia/geminio/options"
)

// resubscribe is how long after a subscription has ended the next is tried.
const resubscribe = 100 * time.Millisecond

// consumer is a member of a group.
type consumer struct {
	broker  remote
	sub     proto.Subscription
	work    time.Duration
	limit   int
	quiet   bool
	forget  bool
	handler handler
	out     io.Writer

	begin                       time.Time // of the first message
	count, redelivered, refused int
}

func consumerCommand() program.Command {
	c := consumer{out: os.Stdout}
	return program.Command{
		Name: "consumer",
		About: "Prints the messages of a topic as a member of a group, or gives each to a command.\n" +
			"The command has the message as its standard input, and $MQ_TOPIC, $MQ_OFFSET and\n" +
			"$MQ_REDELIVERED (0 or 1); if it fails, the message is refused.",
		Args:  "[COMMAND...]",
		Level: "warn",
		Flags: c.define,
		Run:   c.run,
	}
}

func (c *consumer) define(flags *flag.FlagSet) {
	c.broker.define(flags)
	flags.StringVar(&c.sub.Topic, "topic", "", "the `name` of the topic")
	flags.StringVar(&c.sub.Group, "group", "", "the `name` of the group: each message goes to one of its members")
	flags.IntVar(&c.sub.Prefetch, "prefetch", 64, "how many messages may be on their way here, unacknowledged")
	flags.DurationVar(&c.work, "work", 0, "how long to work on each message before it is acknowledged")
	flags.IntVar(&c.limit, "n", 0, "end after so many `messages` were acknowledged; 0: never")
	flags.BoolVar(&c.quiet, "quiet", false, "do not print messages")
	flags.BoolVar(&c.forget, "unsubscribe", false, "have the broker forget the group instead, which must have no members")
}

func (c *consumer) run(ctx context.Context, command []string) error {
	if _, err := proto.ParseSubscription(c.sub.Encode()); err != nil {
		return program.Usage("%w", err)
	}
	if c.work < 0 || c.limit < 0 {
		return program.Usage("-work and -n must not be less than 0")
	}
	var err error
	if c.handler, err = newHandler(command); err != nil {
		return err
	}
	end, err := c.broker.connect(ctx)
	if err != nil {
		return interrupted(err)
	}
	defer end.Close()
	if c.forget {
		_, err := end.Call(ctx, proto.MethodUnsubscribe, end.NewRequest(c.sub.Encode()))
		return interrupted(err)
	}
	c.begin = time.Now()
	err = c.consumeAll(ctx, end)
	took := time.Since(c.begin)
	fmt.Fprintf(os.Stderr, "consumed %d messages (%d redelivered), refused %d, in %s, %.0f/s\n",
		c.count, c.redelivered, c.refused, took.Round(10*time.Microsecond), float64(c.count)/took.Seconds())
	return err
}

// consumeAll consumes until ctx ends or there were enough messages. A stream
// ends with its session, which ends with the broker: then it subscribes again.
func (c *consumer) consumeAll(ctx context.Context, end geminio.End) error {
	for {
		stream, err := c.subscribe(ctx, end)
		if ctx.Err() != nil {
			return nil
		}
		var refused *geminio.RemoteError
		switch {
		case err == nil:
			finished, err := c.consume(ctx, stream)
			stream.Close() // what is not answered goes back to the group
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
		case <-time.After(resubscribe):
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
			log.Infof("the subscription has ended: %s", err)
			return false, nil
		}
		header, err := proto.ParseHeader(msg.Custom())
		if err != nil {
			return true, err
		}
		if c.count+c.refused == 0 {
			c.begin = time.Now()
		}
		err = c.handle(ctx, msg, header)
		if err != nil && ctx.Err() != nil {
			return true, nil
		}
		if err := c.answer(msg, header, err); err != nil {
			if errors.Is(err, errNotAnswered) {
				log.Infof("message %d comes again: %s", header.Offset, err)
				return false, nil
			}
			return true, err
		}
		if c.limit > 0 && c.count == c.limit {
			return true, nil
		}
	}
}

// errNotAnswered is wrapped by the errors of answers that came too late.
var errNotAnswered = errors.New("the answer did not reach the broker")

// answer tells the broker what has become of a message that was handled with
// err. If it returns an error, the broker knows nothing.
func (c *consumer) answer(msg geminio.Message, header proto.Header, err error) error {
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		log.Warnf("message %d of %s is refused: %s", header.Offset, msg.Topic(), err)
		if err := msg.Error(err); err != nil {
			return fmt.Errorf("%w: %w", errNotAnswered, err)
		}
		c.refused++
		return nil
	case err != nil:
		return err
	}
	if err := msg.Done(); err != nil {
		return fmt.Errorf("%w: %w", errNotAnswered, err)
	}
	c.count++
	if header.Redelivered {
		c.redelivered++
	}
	return nil
}

// handle prints a message, or has the command handle it, and works on it.
func (c *consumer) handle(ctx context.Context, msg geminio.Message, header proto.Header) error {
	switch {
	case c.handler != nil:
		if err := c.handler.handle(ctx, msg, header); err != nil {
			return err
		}
	case !c.quiet:
		mark := ""
		if header.Redelivered {
			mark = " redelivered"
		}
		if _, err := fmt.Fprintf(c.out, "%s/%d%s: %s\n", msg.Topic(), header.Offset, mark, msg.Data()); err != nil {
			return err
		}
	}
	if c.work == 0 {
		return nil
	}
	select {
	case <-time.After(c.work):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
