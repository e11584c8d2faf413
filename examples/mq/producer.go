package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// farewell is how long a producer that was interrupted waits for the
// acknowledgement of what it has sent.
const farewell = 2 * time.Second

// maxLine is how long a line may be.
const maxLine = 4 << 20

// runProducer is the producer.
func runProducer(ctx context.Context, flags *flag.FlagSet, args []string) error {
	var p peer
	p.define(flags)
	topic := flags.String("topic", "", "the `name` of the topic")
	inflight := flags.Int("inflight", 256, "how many messages may wait for their acknowledgement, at most 1024")
	echo := flags.Bool("echo", false, "print each line when it is acknowledged")
	bench := flags.Bool("bench", false, "publish as fast as possible instead, and print rates and latencies")
	span := flags.Duration("d", 5*time.Second, "with -bench: how long each rate is measured")
	size := flags.Int("size", 128, "with -bench: `bytes` of a message")
	if err := p.parse(args); err != nil {
		return err
	}
	if err := proto.CheckName("topic", *topic); err != nil {
		return p.usage("-topic: %s", err)
	}
	if *inflight < 1 || *inflight > 1024 || *span <= 0 || *size < 0 || *size > maxLine {
		return p.usage("-inflight must be from 1 to 1024, -d more than 0, -size from 0 to %d", maxLine)
	}

	end, err := p.connect()
	if err != nil {
		return err
	}
	defer end.Close()
	if *bench {
		return runBench(ctx, end, *topic, *inflight, *size, *span)
	}
	lines, readErr := readLines(os.Stdin)
	pub := &publisher{end: end, topic: *topic, echo: *echo, done: make(chan *geminio.Publish, *inflight)}
	if err := pub.publish(ctx, lines); err != nil {
		return err
	}
	select {
	case err := <-readErr:
		return err
	default:
		return nil
	}
}

// readLines hands out lines until r ends. Who stops taking them leaves a
// goroutine that waits for r.
func readLines(r io.Reader) (<-chan []byte, <-chan error) {
	lines, failed := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			lines <- append([]byte(nil), scanner.Bytes()...)
		}
		failed <- scanner.Err()
	}()
	return lines, failed
}

// publisher publishes lines, as many at once as done has room for.
type publisher struct {
	end   geminio.End
	topic string
	echo  bool
	done  chan *geminio.Publish

	open, acked, unknown int
	failed               error // the first failure of a message
}

// publish publishes lines until they end, a message fails or ctx ends, and
// waits for what is under way then, after an interrupt not for long.
func (p *publisher) publish(ctx context.Context, lines <-chan []byte) error {
	publishing, stop := context.WithCancel(context.Background())
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(farewell, stop) })()
	for p.failed == nil && ctx.Err() == nil {
		if p.open == cap(p.done) {
			p.settle(<-p.done)
			continue
		}
		select {
		case line, ok := <-lines:
			if !ok {
				return p.finish(nil)
			}
			// While the broker lags behind, this waits.
			if _, err := p.end.PublishAsync(publishing, newMessage(p.end, p.topic, line), p.done); err != nil {
				p.unknown++
				return p.finish(err)
			}
			p.open++
		case result := <-p.done:
			p.settle(result)
		case <-ctx.Done():
		}
	}
	return p.finish(nil)
}

// finish waits for the messages under way and says what became of all.
func (p *publisher) finish(err error) error {
	for p.open > 0 {
		p.settle(<-p.done)
	}
	fmt.Fprintf(os.Stderr, "published %d messages\n", p.acked)
	if p.failed != nil {
		err = p.failed
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if err != nil {
		return fmt.Errorf("%w; not acknowledged: %d", err, p.unknown)
	}
	return nil
}

func (p *publisher) settle(result *geminio.Publish) {
	p.open--
	if result.Error != nil {
		p.unknown++
		if p.failed == nil {
			p.failed = result.Error
		}
		return
	}
	p.acked++
	if p.echo {
		fmt.Printf("%s\n", result.Message.Data())
	}
}

func newMessage(end geminio.End, topic string, data []byte) geminio.Message {
	msg := end.NewMessage(data)
	msg.SetTopic(topic)
	return msg
}
