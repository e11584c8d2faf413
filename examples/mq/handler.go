package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// lastWords is how long a command may take to end that was interrupted.
const lastWords = 5 * time.Second

// handler is a command and its arguments, or nil.
type handler []string

// newHandler returns the handler that was typed, if it can be found.
func newHandler(command []string) (handler, error) {
	if len(command) == 0 {
		return nil, nil
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, err
	}
	return append(handler{path}, command[1:]...), nil
}

// handle runs the command. An *exec.ExitError says that it has failed.
func (h handler) handle(ctx context.Context, msg geminio.Message, header proto.Header) error {
	redelivered := 0
	if header.Redelivered {
		redelivered = 1
	}
	cmd := exec.CommandContext(ctx, h[0], h[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = lastWords
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(msg.Data()), os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MQ_TOPIC="+msg.Topic(),
		fmt.Sprintf("MQ_OFFSET=%d", header.Offset), fmt.Sprintf("MQ_REDELIVERED=%d", redelivered))
	return cmd.Run()
}
