package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// farewell is how long a producer that was interrupted waits for the
// acknowledgement of what it has sent.
const farewell = 2 * time.Second

// maxLine is how long a line may be, and a message of any broker.
const maxLine = 4 << 20

var errInterrupted = errors.New("interrupted")

// interrupted returns err, or errInterrupted for that of a context that has
// ended.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// producer is what the flags of the producer say.
type producer struct {
	broker    remote
	topic     string
	inflight  int
	echo      bool
	benchmark bool
	span      time.Duration
	size      int
}

func producerCommand() program.Command {
	var p producer
	return program.Command{
		Name:  "producer",
		About: "Publishes the lines of standard input, or measures (-bench).\nIt ends with 0 if the broker has stored them all.",
		Level: "warn",
		Flags: p.define,
		Run:   p.run,
	}
}

func (p *producer) define(flags *flag.FlagSet) {
	p.broker.define(flags)
	flags.StringVar(&p.topic, "topic", "", "the `name` of the topic")
	flags.IntVar(&p.inflight, "inflight", 256, "how many messages may wait for their acknowledgement, at most 1024")
	flags.BoolVar(&p.echo, "echo", false, "print each line when it is acknowledged")
	flags.BoolVar(&p.benchmark, "bench", false, "publish as fast as possible instead, and print rates and latencies")
	flags.DurationVar(&p.span, "d", 5*time.Second, "with -bench: how long each rate is measured")
	flags.IntVar(&p.size, "size", 128, "with -bench: `bytes` of a message")
}

func (p *producer) run(ctx context.Context, _ []string) error {
	if err := proto.CheckName("topic", p.topic); err != nil {
		return program.Usage("-topic: %w", err)
	}
	if p.inflight < 1 || p.inflight > 1024 || p.span <= 0 || p.size < 0 || p.size > maxLine {
		return program.Usage("-inflight must be from 1 to 1024, -d more than 0, -size from 0 to %d", maxLine)
	}
	end, err := p.broker.connect(ctx)
	if err != nil {
		return interrupted(err)
	}
	defer end.Close()
	if p.benchmark {
		return runBench(ctx, end, p.topic, p.inflight, p.size, p.span)
	}
	lines, readErr := readLines(os.Stdin)
	pub := &publisher{end: end, topic: p.topic, echo: p.echo, done: make(chan *geminio.Publish, p.inflight)}
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
		scanner.Buffer(nil, maxLine+1) // the line, and its end
		n := 1
		for ; scanner.Scan(); n++ {
			lines <- bytes.Clone(scanner.Bytes())
		}
		err := scanner.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line %d is longer than %d bytes; what follows was not published", n, maxLine)
		}
		failed <- err
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
	if err != nil {
		return fmt.Errorf("%w; not acknowledged: %d", interrupted(err), p.unknown)
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
