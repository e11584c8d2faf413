package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser is the one that all tests use, nil where there is none to start.
var browser context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	// They wait for the next second of a page more than they compute.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(withBrowser(m.Run))
}

// withBrowser starts Chromium, if there is one on PATH, for as long as run
// takes.
func withBrowser(run func() int) int {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return run()
	}
	profile, err := os.MkdirTemp("", "geminio-browser-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove(profile)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.NoSandbox, // it may run as root in a container
		chromedp.UserDataDir(profile),
		chromedp.WSURLReadTimeout(limit),
	)...)
	defer cancel() // and kills it, if it does not end when it is asked to
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "start chromium:", err)
		return 1
	}
	browser = ctx
	// Asked to, it ends its own processes, which else write on for a moment.
	defer func() { _ = chromedp.Cancel(ctx) }()
	return run()
}

// remove removes a directory that the last processes of a browser may still
// write to.
func remove(dir string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		err := os.RemoveAll(dir)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}
