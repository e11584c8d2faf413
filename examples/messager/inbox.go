package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/singchia/geminio"
)

// inbox receives, prints and answers messages, of any number of Ends.
type inbox struct {
	opts *common
	say  func(format string, args ...any)

	mu   sync.Mutex              // guards what follows
	last int                     // number of the last message received
	open map[int]geminio.Message // with -manual: those that wait for an answer
}

func newInbox(opts *common, say func(string, ...any)) *inbox {
	return &inbox{opts: opts, say: say, open: make(map[int]geminio.Message)}
}

// receive takes messages until the End has ended or ctx does.
func (in *inbox) receive(ctx context.Context, end geminio.End) {
	for {
		msg, err := end.Receive(ctx)
		if err != nil {
			return
		}
		in.take(msg)
	}
}

func (in *inbox) take(msg geminio.Message) {
	in.mu.Lock()
	in.last++
	n := in.last
	if in.opts.manual {
		in.open[n] = msg
	}
	in.mu.Unlock()

	again := ""
	if r, ok := msg.(geminio.Redelivered); ok && r.Redelivered() {
		again = ", perhaps not for the first time"
	}
	in.say("received %d from %d [%s] %s%s", n, msg.ClientID(), msg.Topic(), msg.Data(), again)
	if in.opts.manual {
		return
	}
	var verdict error
	if in.opts.refuses(msg.Topic()) {
		verdict = fmt.Errorf("%s is refused here", msg.Topic())
	}
	in.answer(n, msg, verdict)
}

// answer tells the publisher; a nil verdict is Done.
func (in *inbox) answer(n int, msg geminio.Message, verdict error) {
	if err := msg.Error(verdict); err != nil {
		in.say("the answer to %d came too late: %v", n, err)
	}
}

// command obeys /done N and /error N WHY.
func (in *inbox) command(line string) {
	name, rest, _ := strings.Cut(line, " ")
	number, why, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(number)
	if err != nil || (name != "/done" && name != "/error") {
		in.say("not understood: %s; commands are /done N and /error N WHY", line)
		return
	}
	in.mu.Lock()
	msg, ok := in.open[n]
	delete(in.open, n)
	in.mu.Unlock()
	if !ok {
		in.say("no message %d waits for an answer", n)
		return
	}
	if name == "/done" {
		in.answer(n, msg, nil)
		return
	}
	if why = strings.TrimSpace(why); why == "" {
		why = "refused"
	}
	in.answer(n, msg, errors.New(why))
}
