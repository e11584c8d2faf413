package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// peer is the server's process.
type peer struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer

	ended chan struct{} // closed when the process has
	err   error         // how, then
}

// startPeer starts this program again as the server, and returns when that
// listens. It is killed when ctx ends.
func startPeer(ctx context.Context, span time.Duration) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve", "-d", span.String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // stays open for as long as the server is to live
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = stdin.Close()
		return nil, errors.Join(fmt.Errorf("no address from it: %w", err), cmd.Wait())
	}
	p := &peer{addr: strings.TrimSpace(line), cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// wait returns when the process has ended: in order, if the client has closed
// its End in order, and else at once. It is killed after 10 s.
func (p *peer) wait(orderly bool) error {
	if !orderly {
		_ = p.cmd.Process.Kill()
	}
	late := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.ended
	_ = p.stdin.Close()
	if !orderly || p.err == nil {
		return nil // what failed first is what counts
	}
	return fmt.Errorf("server: %w", p.err)
}
