package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/singchia/geminio/test/bench/peers/compare"
	"github.com/singchia/geminio/test/bench/peers/goals"
	"github.com/singchia/geminio/test/bench/peers/load"
	"github.com/singchia/geminio/test/bench/peers/results"
)

// small is the scale of idle connections and streams here.
var small = load.Scale{Conns: 20, Streams: 50}

func TestEveryPeerRunsEveryWorkloadThatItIsListedWith(t *testing.T) {
	for _, p := range peers() {
		for _, w := range load.Of(p, small) {
			t.Run(p.Name+"/"+w.Name, func(t *testing.T) {
				if w.Name == "hol" {
					t.Skip("takes its time, and leaves standing what stands still")
				}
				if s := w.Run(load.For(50*time.Millisecond), compare.Patience); s.Failed != "" {
					t.Error(s.Failed)
				}
			})
		}
	}
}

func TestNoNameIsListedTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range entries(peers(), nil) {
		for _, w := range e.Workloads {
			if key := e.Peer + " " + w; seen[key] {
				t.Error(key)
			} else {
				seen[key] = true
			}
		}
	}
}

func TestEveryGoalIsForWhatIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, e := range entries(peers(), nil) {
		for _, w := range e.Workloads {
			listed[e.Peer+" "+w] = true
		}
	}
	for _, g := range goals.Table {
		for _, s := range append([]goals.Side{g.Ours}, g.Refs...) {
			if !listed[s.Peer+" "+s.Workload] {
				t.Errorf("%s has no %s", s.Peer, s.Workload)
			}
		}
	}
}

func TestTheChildPrintsOneLineOfJSON(t *testing.T) {
	var out bytes.Buffer
	name := peers()[0].Name
	err := dispatch(t.Context(), []string{"run", "-peer", name, "-workload", "StreamOpenClose", "-d", "20ms"}, &out)
	if err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%v %q", err, out.String())
	}
	var s results.Sample
	if err := json.Unmarshal(out.Bytes(), &s); err != nil || s.Peer != name || s.Ops == 0 {
		t.Errorf("%v %+v", err, s)
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	for want, args := range map[string][]string{
		"no command":                      nil,
		`no command "race"`:               {"race"},
		`no peer "nobody"`:                {"run", "-peer", "nobody"},
		`has no workload "dance"`:         {"run", "-peer", peers()[0].Name, "-workload", "dance"},
		"missing closing )":               {"compare", "-workloads", "("},
		"0 is no number of CPUs":          {"compare", "-cpu", "1,0"},
		`parsing "two": invalid syntax`:   {"compare", "-cpu", "two"},
		"error parsing regexp: missing a": {"goals", "-workloads", "*"},
	} {
		err := dispatch(t.Context(), args, &bytes.Buffer{})
		if err == nil || errors.Is(err, errMissed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, not %q", args, err, want)
		}
	}
}

// modFile is what matters here of go mod edit -json.
type modFile struct {
	Require []struct{ Path, Version string }
	Replace []struct{ Old struct{ Path string } }
}

func readMod(t *testing.T, file string) (m modFile) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", file).Output()
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		t.Fatal(file, err)
	}
	return m
}

// What the original release is compared with is built from the same versions.
func TestTheOriginalIsBuiltWithTheSameRequirements(t *testing.T) {
	original := readMod(t, "original.mod")
	versions := map[string]string{}
	for _, r := range original.Require {
		versions[r.Path] = r.Version
	}
	for _, r := range readMod(t, "go.mod").Require {
		if versions[r.Path] != r.Version {
			t.Errorf("%s is %s in go.mod and %q in original.mod", r.Path, r.Version, versions[r.Path])
		}
	}
	if len(original.Replace) != 0 {
		t.Errorf("original.mod replaces %v", original.Replace)
	}
}
