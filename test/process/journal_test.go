package process

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// journal keeps what happened, in order: what a child printed, or what a
// delegate of the test was told.
type journal struct {
	mu      sync.Mutex // guards what follows
	entries []entry
	changed chan struct{} // closed, and made anew, by each entry
}

type entry struct {
	text string
	at   time.Time
}

func (j *journal) tell(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry{text, time.Now()})
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// find returns the nth entry, counted from 1, that begins with prefix, and
// else what the next entry closes.
func (j *journal) find(prefix string, n int) (entry, <-chan struct{}, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if strings.HasPrefix(e.text, prefix) {
			if n--; n == 0 {
				return e, nil, true
			}
		}
	}
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return entry{}, j.changed, false
}

// await waits for the nth entry, counted from 1, that begins with prefix.
func (j *journal) await(tb testing.TB, prefix string, n int) entry {
	tb.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		e, changed, ok := j.find(prefix, n)
		if ok {
			return e
		}
		select {
		case <-changed:
		case <-late.C:
			require.Failf(tb, "not in time", "%q did not come %d times; what came:\n%s", prefix, n, strings.Join(j.texts(""), "\n"))
		}
	}
}

// texts returns the entries that begin with prefix.
func (j *journal) texts(prefix string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var texts []string
	for _, e := range j.entries {
		if strings.HasPrefix(e.text, prefix) {
			texts = append(texts, e.text)
		}
	}
	return texts
}
