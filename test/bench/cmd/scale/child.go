package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// orderEnv carries the order of a child. It is no flag, so that a test binary
// can be the child too.
const orderEnv = "GEMINIO_SCALE_ORDER"

// childLongest is how long a child may live.
const childLongest = 5 * time.Minute

// An order is what a child process is to do.
type order struct {
	Do   string // server, client or cores
	Of   string // connections or streams
	Addr string // of the server
	N    int
	Span time.Duration
}

// orderOfParent returns the order that this process was started with, nil if
// there is none.
func orderOfParent() *order {
	text := os.Getenv(orderEnv)
	if text == "" {
		return nil
	}
	o := new(order)
	if err := json.Unmarshal([]byte(text), o); err != nil {
		panic(err) // only this program sets it
	}
	return o
}

// obey does what the parent wants. What is said to the parent goes to standard
// output, a line of JSON each.
func (o *order) obey() error {
	switch {
	case o.Do == "server":
		return o.serve()
	case o.Do == "client":
		return o.dial()
	case o.Do == "cores":
		return o.throughput()
	}
	return fmt.Errorf("unknown order %q", o.Do)
}

// say tells the parent v.
func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// heed waits for the parent's next line; io.EOF says that all is done.
func heed(in *bufio.Reader) error {
	_, err := in.ReadString('\n')
	return err
}

// A child is a process of this program.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	cancel context.CancelFunc
}

// start starts a child, with more in its environment.
func start(o order, env ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLongest)
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), orderEnv+"="+string(text)), env...)
	cmd.Stderr = os.Stderr
	c := &child{cmd: cmd, cancel: cancel}
	c.in, err = cmd.StdinPipe()
	if err == nil {
		var out io.Reader
		if out, err = cmd.StdoutPipe(); err == nil {
			c.out = json.NewDecoder(out)
			err = cmd.Start()
		}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return c, nil
}

// tell has the child go on.
func (c *child) tell() error {
	_, err := io.WriteString(c.in, "\n")
	return err
}

// hear takes what the child says next.
func (c *child) hear(v any) error {
	if err := c.out.Decode(v); err != nil {
		return fmt.Errorf("child has failed: %w", err)
	}
	return nil
}

// end has the child end, and waits for it.
func (c *child) end() {
	defer c.cancel()
	_ = c.in.Close()
	_ = c.cmd.Wait() // what it did wrong it has said, or hear has
}
