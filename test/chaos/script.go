package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A Direction says whose bytes a step counts and its fault hits.
type Direction uint8

const (
	Both Direction = iota // the bytes of both, counted together
	Up                    // what the client sends
	Down                  // what the server sends
)

// String returns "Both", "Up" or "Down".
func (d Direction) String() string { return [...]string{"Both", "Up", "Down"}[d] }

// GoString returns d as it stands in a program.
func (d Direction) GoString() string { return "chaos." + d.String() }

// A Step brings a fault when After bytes of Direction have come to the end of
// the wire and At has passed since the connection was made. Where both are zero
// it holds from the first byte on.
type Step struct {
	Direction Direction
	After     int64
	At        time.Duration
	Fault     Fault
}

// A Script is what happens to a connection. Its steps wait for their bytes and
// times independently; those that are due at once come in their order.
type Script []Step

// String returns the script as Go, to be pasted into a test.
func (s Script) String() string {
	var b strings.Builder
	b.WriteString("chaos.Script{")
	for i, step := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "{Direction: %#v, After: %d, At: %d, Fault: %#v}", step.Direction, step.After, int64(step.At), step.Fault)
	}
	b.WriteString("}")
	return b.String()
}

// Every returns what NewListener and NewProxy ask for the script of a
// connection: always the same one.
func Every(steps ...Step) func(n int) Script {
	return func(int) Script { return steps }
}

// refuses tells whether the connection shall not come to be.
func (s Script) refuses() bool {
	for _, step := range s {
		if _, ok := step.Fault.(Refuse); ok {
			return true
		}
	}
	return false
}

// A Profile says what random scripts are made of.
type Profile struct {
	// Steps is how many a script has.
	Steps int

	// Bytes and Time bound After and At: each step waits for one of them,
	// drawn evenly. Where both are zero it waits for nothing.
	Bytes int64
	Time  time.Duration

	// Faults are what is drawn from. Their figures are the most that is drawn.
	// Where there is none, no script has a step.
	Faults []Fault
}

// Harmless is a Profile whose scripts cost a connection time and nothing else:
// what is written arrives.
var Harmless = Profile{
	Steps: 6,
	Bytes: 1 << 20,
	Time:  2 * time.Second,
	Faults: []Fault{
		Delay{Base: 50 * time.Millisecond, Jitter: 50 * time.Millisecond},
		Bandwidth{Rate: 10 << 20, Queue: 64 << 10},
		Slice{Max: 7},
		Slice{Max: 4096},
		SlowClose{Wait: 200 * time.Millisecond},
		Stall{For: 300 * time.Millisecond},
		Release{},
	},
}

// Deadly is a Profile whose scripts end most connections, or silence them.
var Deadly = Profile{
	Steps:  8,
	Bytes:  Harmless.Bytes,
	Time:   Harmless.Time,
	Faults: append([]Fault{Reset{}, Close{}, CloseWrite{}, BlackHole{}, Stall{}}, Harmless.Faults...),
}

// Random returns the script that the profile gives for the seed: always the
// same one.
func Random(seed uint64, p Profile) Script {
	if len(p.Faults) == 0 {
		return nil
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := make(Script, p.Steps)
	for i := range s {
		s[i].Direction = Direction(rnd.IntN(3))
		if p.Bytes > 0 && (p.Time <= 0 || rnd.IntN(2) == 0) {
			s[i].After = rnd.Int64N(p.Bytes)
		} else if p.Time > 0 {
			s[i].At = time.Duration(rnd.Int64N(int64(p.Time)))
		}
		s[i].Fault = p.Faults[rnd.IntN(len(p.Faults))].draw(rnd)
	}
	return s
}
