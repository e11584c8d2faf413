package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// TestMain is also the child of the tests below.
func TestMain(m *testing.M) {
	switch os.Getenv("PEERS_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "sample":
		_ = json.NewEncoder(os.Stdout).Encode(results.Sample{Peer: "other", Ops: 5})
	case "noisy":
		fmt.Println("WARN the queue is nearly full")
		_ = json.NewEncoder(os.Stdout).Encode(results.Sample{Ops: 5})
	case "failed":
		_ = json.NewEncoder(os.Stdout).Encode(results.Sample{Failed: "no answer"})
		os.Exit(1)
	case "crash":
		fmt.Fprintln(os.Stderr, "panic: out of luck\n\ngoroutine 1")
		os.Exit(2)
	case "hang":
		for { // until it is killed
			<-time.After(time.Minute)
		}
	case "silent":
	}
}

func everything() Plan {
	return Plan{Peers: regexp.MustCompile(""), Workloads: regexp.MustCompile(""), Rounds: 4, Span: time.Second, CPUs: []int{2}}
}

var threePeers = []Entry{
	{Peer: "a", Workloads: []string{"push", "call"}},
	{Peer: "b", Workloads: []string{"push"}},
	{Peer: "c", Workloads: []string{"push", "call"}},
}

func order(jobs []Job) (s []string) {
	for _, j := range jobs {
		s = append(s, fmt.Sprintf("%s/%s/%d/%d", j.Workload, j.Peer, j.Round, j.CPU))
	}
	return s
}

func TestRoundsAreInterleavedAndRotated(t *testing.T) {
	p := everything()
	p.Workloads = regexp.MustCompile("^push$")
	got := strings.Join(order(p.Jobs(threePeers)), " ")
	want := "push/a/1/2 push/b/1/2 push/c/1/2 push/b/2/2 push/c/2/2 push/a/2/2 " +
		"push/c/3/2 push/a/3/2 push/b/3/2 push/c/4/2 push/b/4/2 push/a/4/2"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestThePlanChoosesPeersWorkloadsAndCPUs(t *testing.T) {
	p := everything()
	p.Peers, p.Workloads, p.Rounds, p.CPUs = regexp.MustCompile("a|b"), regexp.MustCompile("call"), 1, []int{1, 2}
	if got := order(p.Jobs(threePeers)); !reflect.DeepEqual(got, []string{"call/a/1/1", "call/a/1/2"}) {
		t.Error(got)
	}
}

type fakeRunner struct{ stop func() }

func (f fakeRunner) List(context.Context) ([]Entry, error) { return threePeers, nil }

func (f fakeRunner) Run(_ context.Context, j Job) results.Sample {
	if f.stop != nil && j.Round == 2 {
		f.stop()
	}
	s := results.Sample{Peer: j.Peer, Workload: j.Workload, Round: j.Round, CPU: j.CPU, Ops: 1000, Seconds: 1}
	if j.Peer == "c" {
		s = results.Sample{Peer: j.Peer, Workload: j.Workload, Round: j.Round, CPU: j.CPU, Failed: "broken"}
	}
	return s
}

func TestAFailureIsASampleLikeOthers(t *testing.T) {
	var progress strings.Builder
	samples, err := everything().Run(t.Context(), fakeRunner{}, &progress)
	if err != nil || len(samples) != 20 {
		t.Fatal(len(samples), err)
	}
	failed := 0
	for _, s := range samples {
		if s.Failed != "" {
			failed++
		}
	}
	if failed != 8 || strings.Count(progress.String(), "failed: broken") != 8 {
		t.Errorf("%d failed\n%s", failed, progress.String())
	}
	if !strings.Contains(progress.String(), "1000.000 us/op") {
		t.Error(progress.String())
	}
}

func TestWhatWasMeasuredBeforeTheEndIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	samples, err := everything().Run(ctx, fakeRunner{stop: cancel}, io.Discard)
	if err == nil || len(samples) != 3 {
		t.Errorf("%d samples, %v", len(samples), err)
	}
}

func TestNothingToRunIsAnError(t *testing.T) {
	p := everything()
	p.Peers = regexp.MustCompile("nobody")
	if _, err := p.Run(t.Context(), fakeRunner{}, io.Discard); err == nil {
		t.Error("no error")
	}
}

func TestAChildIsRecordedWhateverHappensToIt(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	j := Job{Peer: "a", Workload: "push", Round: 3, CPU: 1, Span: time.Second}
	for kind, want := range map[string]string{
		"sample": "", "noisy": "", "failed": "no answer", "crash": "exit status 2: panic: out of luck", "silent": "unexpected end of JSON input",
	} {
		t.Setenv("PEERS_TEST_CHILD", kind)
		s := runChild(t.Context(), j, program)
		if s.Failed != want || s.Peer != "a" || s.Workload != "push" || s.Round != 3 || s.CPU != 1 {
			t.Errorf("%s: %+v", kind, s)
		}
	}
	t.Setenv("PEERS_TEST_CHILD", "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if s := runChild(ctx, j, program); s.Failed != "hangs" {
		t.Errorf("%+v", s)
	}
}

func TestAPeerThatNoProgramHasFails(t *testing.T) {
	if s := new(Children).Run(t.Context(), Job{Peer: "nobody", Round: 1}); s.Peer != "nobody" || s.Failed != "no such peer" {
		t.Errorf("%+v", s)
	}
}

func TestTheTableOfStraceIsRead(t *testing.T) {
	got, err := parseCounts(strings.NewReader(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.12    1.234567           5    246913           write
 39.88    0.400000           4    100000      2000 futex
------ ----------- ----------- --------- --------- ----------------
100.00    1.634567           4    346913      2000 total
`))
	if want := map[string]int64{"write": 246913, "futex": 100000}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if _, err := parseCounts(strings.NewReader("strace: attach: not permitted\n")); err == nil {
		t.Error("no table is no error")
	}
}

func TestSettingUpIsNotCountedAmongTheOperations(t *testing.T) {
	got := perOp(map[string]int64{"write": 250, "mmap": 40, "futex": 7}, map[string]int64{"write": 50, "mmap": 40, "futex": 9}, 100)
	if !reflect.DeepEqual(got, map[string]float64{"write": 2}) {
		t.Error(got)
	}
}

func TestTheMachineIsNamed(t *testing.T) {
	if got := cpuModel("processor\t: 0\nmodel name\t: Some CPU: the 2nd\n"); got != "Some CPU: the 2nd" {
		t.Errorf("%q", got)
	}
	m := Machine(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	if m.Date != "2030-01-02" || m.CPU == "" || m.Cores < 1 || m.Go == "" || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}
