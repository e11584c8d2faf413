package process

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/singchia/geminio"
)

// service answers on the Ends of its process, and counts what came.
type service struct {
	tell func(string)

	mu   sync.Mutex     // guards what follows
	seen map[string]int // how often each call and message came
}

func newService(tell func(string)) *service {
	return &service{tell: tell, seen: make(map[string]int)}
}

// The methods of a service.
const (
	echo  = "echo"  // answers with what it was sent
	hold  = "hold"  // tells holding and runs until it is cancelled
	twice = "twice" // answers what came more than once
	back  = "back"  // calls echo of the caller with what it was sent
)

// Topics of messages that a service tells of, as received says.
const (
	taken    = "taken"    // it is done with them
	withheld = "withheld" // it is done with them when they come again
)

func received(text string, again bool) string {
	return fmt.Sprintf("received %s redelivered %v", text, again)
}

func holding(text string) string { return "holding " + text }

// methods are those that need no End.
func (s *service) methods() []*geminio.MethodRPC {
	return []*geminio.MethodRPC{
		{Method: echo, RPC: func(_ context.Context, req geminio.Request, rsp geminio.Response) {
			s.count("call " + string(req.Data()))
			rsp.SetData(req.Data())
		}},
		{Method: hold, RPC: func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
			s.tell(holding(string(req.Data())))
			<-ctx.Done()
			rsp.SetError(ctx.Err())
		}},
		{Method: twice, RPC: func(_ context.Context, _ geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte(s.repeated()))
		}},
	}
}

func (s *service) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[what]++
}

// repeated returns what came more than once.
func (s *service) repeated() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for what, n := range s.seen {
		if n > 1 {
			all = append(all, fmt.Sprintf("%s (%d times)", what, n))
		}
	}
	return strings.Join(all, "\n")
}

// serve receives the messages of end, echoes its streams and what comes on
// itself, and registers back. It returns when that is registered; the rest
// ends with end.
func (s *service) serve(end geminio.End) error {
	go s.receive(end)
	go func() { _, _ = io.Copy(end, end) }()
	go func() {
		for {
			stream, err := end.AcceptStream()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(stream, stream)
				_ = stream.Close()
			}()
		}
	}()
	return end.Register(context.Background(), back, func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
		answer, err := end.Call(ctx, echo, end.NewRequest(req.Data()))
		if err == nil {
			rsp.SetData(answer.Data())
		}
		rsp.SetError(err)
	})
}

func (s *service) receive(end geminio.End) {
	for {
		msg, err := end.Receive(context.Background())
		if err != nil {
			return
		}
		text, again := string(msg.Data()), msg.(geminio.Redelivered).Redelivered()
		s.count("message " + text)
		if msg.Topic() != "" {
			s.tell(received(text, again))
		}
		if msg.Topic() != withheld || again {
			_ = msg.Done()
		}
	}
}
