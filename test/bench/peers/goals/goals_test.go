package goals

import (
	"context"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/singchia/geminio/test/bench/peers/compare"
	"github.com/singchia/geminio/test/bench/peers/results"
)

// script answers each job by the figures of its peer and workload: operations
// in a second, one figure a round, the last one for all that follow.
type script struct {
	ops  map[string][]int64
	jobs []string
}

func (s *script) List(context.Context) ([]compare.Entry, error) { return nil, nil }

func (s *script) Run(_ context.Context, j compare.Job) results.Sample {
	s.jobs = append(s.jobs, fmt.Sprintf("%s@%d", j.Peer, j.CPU))
	all := s.ops[j.Peer+" "+j.Workload]
	if all == nil {
		return results.Sample{Failed: "no such thing"}
	}
	n := all[min(j.Round, len(all))-1]
	return results.Sample{Ops: n, Seconds: 1, Bytes: n * 1e6, Extra: map[string]float64{"p50us": float64(n), "heap": float64(n), "stack": 1}}
}

func plan(rounds int) Plan {
	return Plan{Workloads: regexp.MustCompile(""), Rounds: rounds, Span: time.Second, CPU: 2}
}

func judged(t *testing.T, s *script, rounds int, g Goal) Verdict {
	t.Helper()
	v, err := plan(rounds).Run(t.Context(), s, []Goal{g}, io.Discard)
	if err != nil || len(v) != 1 {
		t.Fatal(v, err)
	}
	return v[0]
}

func TestTheFigureIsTheRatioOfTheRounds(t *testing.T) {
	// Ratios 0.9, 1, 1.1, 2, 0.8, 1.05: the machine slows both down together.
	s := &script{ops: map[string][]int64{
		"geminio push": {900, 100, 110, 200, 80, 105},
		"tcp push":     {1000, 100},
	}}
	v := judged(t, s, 6, against("push", rate, 2.5, "tcp"))
	if math.Abs(v.Ratio-1.025) > 1e-9 || v.Interval.Low != 0.8 || v.Interval.High != 2 {
		t.Errorf("%+v", v)
	}
}

func TestAGoalIsMetWhereTheIntervalReachesIt(t *testing.T) {
	s := &script{ops: map[string][]int64{"geminio x": {90, 100, 110, 95, 105, 100}, "ref x": {100}}}
	for _, c := range []struct {
		m     Metric
		limit float64
		met   bool
	}{
		{rate, 1.1, true}, {rate, 1.11, false}, {rate, 0.5, true},
		{p50, 0.9, true}, {p50, 0.89, false}, {p50, 2, true},
	} {
		if v := judged(t, s, 6, against("x", c.m, c.limit, "ref")); v.Met != c.met {
			t.Errorf("%s, limit %v: met is %v with %+v", c.m.Name, c.limit, v.Met, v.Interval)
		}
	}
}

func TestTheBestOfSeveralReferencesCounts(t *testing.T) {
	s := &script{ops: map[string][]int64{"geminio x": {100}, "slow x": {10}, "fast x": {50}}}
	if v := judged(t, s, 1, against("x", rate, 1, "slow", "fast")); v.Ref != "fast" || v.Ratio != 2 {
		t.Errorf("%+v", v)
	}
	if v := judged(t, s, 1, against("x", perOp, 1, "slow", "fast")); v.Ref != "fast" || v.Ratio != 0.5 {
		t.Errorf("%+v", v)
	}
}

func TestAGoalMayHaveNoReferenceOrBeItsOwn(t *testing.T) {
	s := &script{ops: map[string][]int64{"geminio mem": {99}, "geminio bulk": {60}, "geminio idle": {20}}}
	if v := judged(t, s, 1, absolute("mem", memory, 100)); v.Ratio != 100 || !v.Met {
		t.Errorf("%+v", v)
	}
	if v := judged(t, s, 1, absolute("mem", memory, 99)); v.Met {
		t.Errorf("%+v", v)
	}
	if v := judged(t, s, 1, itself("bulk", p50, 4, "idle", p50)); v.Ratio != 3 || !v.Met || v.Ref != "idle" {
		t.Errorf("%+v", v)
	}
}

func TestWhatFailedIsNotMet(t *testing.T) {
	s := &script{ops: map[string][]int64{"geminio x": {100}}}
	v := judged(t, s, 1, against("x", rate, 0, "absent"))
	if v.Met || !strings.Contains(v.String(), "failed: absent x: no such thing") {
		t.Errorf("%+v", v)
	}
}

func TestGoalsShareTheirRunsAndTakeTurns(t *testing.T) {
	s := &script{ops: map[string][]int64{"geminio x": {1}, "a x": {1}, "b x": {1}}}
	_, err := plan(2).Run(t.Context(), s, []Goal{
		against("x", rate, 1, "a"), against("x", rate, 1, "b"), oneCPU(against("x", rate, 1, "a")),
	}, io.Discard)
	want := "geminio@2 a@2 b@2 a@2 b@2 geminio@2 geminio@1 a@1 a@1 geminio@1"
	if got := strings.Join(s.jobs, " "); err != nil || got != want {
		t.Errorf("got  %s\nwant %s (%v)", got, want, err)
	}
}

func TestAGoroutineThatAllShareIsNobodys(t *testing.T) {
	for given, want := range map[float64]float64{2.001: 2, 0.0002: 0, 2.5: 2.5, 3: 3} {
		if got := goroutines.Of(results.Sample{Extra: map[string]float64{"goroutines": given}}); got != want {
			t.Errorf("%v are %v, not %v", given, got, want)
		}
	}
}

func TestTheTableNamesMetricsThatItsWorkloadsHave(t *testing.T) {
	for _, g := range Table {
		for _, s := range append([]Side{g.Ours}, g.Refs...) {
			beside := strings.HasPrefix(s.Workload, "RPCUnderBulk/")
			mem := strings.HasPrefix(s.Workload, "mem-")
			switch s.Metric.Name {
			case "us":
				beside = beside && !strings.Contains(s.Workload, "alone")
				if !beside {
					t.Errorf("%s has no latency", s.Workload)
				}
			case "B", "goroutines":
				if !mem {
					t.Errorf("%s has no %s", s.Workload, s.Metric.Name)
				}
			}
		}
	}
}
