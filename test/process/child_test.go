package process

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// child is this test binary, started again. Its journal has what it printed.
type child struct {
	journal
	cmd    *exec.Cmd
	stderr bytes.Buffer  // may be read when ended is closed
	ended  chan struct{} // closed when everything that it printed is kept
}

// start starts a child, which ends with the test.
func start(t *testing.T, role, addr string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), envRole+"="+role, envAddr+"="+addr)
	c.cmd.Stderr = &c.stderr
	stdin, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			c.tell(lines.Text())
		}
	}()
	t.Cleanup(func() {
		c.kill()
		_ = stdin.Close()
		assert.Empty(t, c.stderr.String(), "what the %s said on its standard error", role) // a race, a panic
		if t.Failed() {
			t.Logf("%s printed %q", role, c.texts(""))
		}
	})
	return c
}

// kill kills the child as kill -9 does, and returns when it is gone. A child
// that is stopped dies too.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	_ = c.cmd.Wait()
}
