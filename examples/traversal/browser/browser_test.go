package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// limit is how long a test may take, and patience how long the page may until
// it shows what it should.
const (
	limit    = time.Minute
	patience = 20 * time.Second
)

// tab is a tab of the browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	troubles []string // what a browser tells its developer, and alerts
	requests []string // every address that was asked for
}

// needBrowser skips the test where there is no browser, and has it run beside
// others where there is.
func needBrowser(t *testing.T) {
	t.Helper()
	if browser == nil {
		t.Skip("no chromium on PATH: the page is not tried in a browser (Debian: apt-get install chromium)")
	}
	t.Parallel()
}

// open is needBrowser and newTab.
func open(t *testing.T) *tab {
	t.Helper()
	needBrowser(t)
	return newTab(t)
}

// newTab opens an empty tab, which ends with the test.
func newTab(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, limit)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.hear)
	b.run(log.Enable(), network.Enable())
	return b
}

// hear notes what the browser reports.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		b.troubles = append(b.troubles, fmt.Sprintf("console: %s", e.Type))
	case *log.EventEntryAdded:
		b.troubles = append(b.troubles, e.Entry.Text+" "+e.Entry.URL)
	case *page.EventJavascriptDialogOpening:
		b.troubles = append(b.troubles, "dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// heard returns what the browser reported so far.
func (b *tab) heard() (troubles, requests []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.troubles...), append([]string{}, b.requests...)
}

func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Run(b.ctx, actions...))
}

// visit opens the page and waits until its script has shown live figures.
func (b *tab) visit(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate(url))
	b.shows("#state", "live")
}

// text returns what elements show, of each its text.
func (b *tab) text(selector string) (texts []string) {
	b.t.Helper()
	b.run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.textContent)`, selector), &texts))
	return texts
}

// is evaluates a condition of script.
func (b *tab) is(condition string) (yes bool) {
	b.t.Helper()
	b.run(chromedp.Evaluate(condition, &yes))
	return yes
}

// shows waits until the elements show these texts.
func (b *tab) shows(selector string, want ...string) {
	b.t.Helper()
	var got []string
	b.until(func() bool {
		got = b.text(selector)
		return slices.Equal(want, got)
	}, func() string { return fmt.Sprintf("%s shows %q, want %q", selector, got, want) })
}

// becomes waits until a condition of script holds.
func (b *tab) becomes(condition string) {
	b.t.Helper()
	b.until(func() bool { return b.is(condition) }, func() string { return "never: " + condition })
}

func (b *tab) until(done func() bool, what func() string) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(end) {
			troubles, _ := b.heard()
			require.FailNow(b.t, what(), "the browser reported %q", troubles)
		}
	}
}

// picture saves what the page looks like in the directory that
// GEMINIO_PICTURES names, if it does.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("GEMINIO_PICTURES")
	if dir == "" {
		return
	}
	var png []byte
	b.run(chromedp.FullScreenshot(&png, 100))
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}
