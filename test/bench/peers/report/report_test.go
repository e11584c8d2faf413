package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/singchia/geminio/test/bench/peers/results"
)

var update = flag.Bool("update", false, "write the golden files")

const golden = "testdata/golden"

func made(t *testing.T) results.Results {
	t.Helper()
	r, err := results.Read("testdata/results.json")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// written returns the files that Write makes of r.
func written(t *testing.T, r results.Results) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := Write(r, dir); err != nil {
		t.Fatal(err)
	}
	return files(t, dir)
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestGolden(t *testing.T) {
	got := written(t, made(t))
	if *update {
		if err := os.MkdirAll(golden, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range got {
			if err := os.WriteFile(filepath.Join(golden, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := files(t, golden)
	if a, b := sortedKeys(got), sortedKeys(want); !slices.Equal(a, b) {
		t.Fatalf("files %v, not %v", a, b)
	}
	for name, text := range want {
		if got[name] == text {
			continue
		}
		a, b := strings.Split(got[name], "\n"), strings.Split(text, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Errorf("%s:%d is\n%s\nnot\n%s", name, i+1, a[i], b[i])
				break
			}
		}
		if len(a) != len(b) {
			t.Errorf("%s has %d lines, not %d", name, len(a), len(b))
		}
	}
}

func TestTheOrderOfTheSamplesChangesNothing(t *testing.T) {
	want := written(t, made(t))
	for range 5 {
		r := made(t)
		rand.Shuffle(len(r.Samples), func(i, j int) { r.Samples[i], r.Samples[j] = r.Samples[j], r.Samples[i] })
		rand.Shuffle(len(r.Syscalls), func(i, j int) { r.Syscalls[i], r.Syscalls[j] = r.Syscalls[j], r.Syscalls[i] })
		for name, text := range written(t, r) {
			if text != want[name] {
				t.Fatalf("%s depends on the order of the samples", name)
			}
		}
	}
}

// section is the part of the page under a heading.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n### "+heading+"\n")
	if !found {
		t.Fatalf("no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

func TestRowsOfTheOriginalThatFailedAreLeftOut(t *testing.T) {
	all := written(t, made(t))
	for _, w := range []string{"RPC/64B/serial", "Message/64B/async"} {
		if text := section(t, all[pageFile], w); strings.Contains(text, "original") {
			t.Errorf("%s has a row of what failed:\n%s", w, text)
		}
	}
	if text := section(t, all[pageFile], "RPC/64B/1x64"); !strings.Contains(text, "(original)") {
		t.Errorf("no row of what finished:\n%s", text)
	}
	if strings.Contains(all["performance-messages.svg"], "original") {
		t.Error("a bar of what failed")
	}
}

func TestOtherRowsThatFailedSayHowOften(t *testing.T) {
	text := section(t, written(t, made(t))[pageFile], "RPC/64B/1x64")
	for _, want := range []string{"| cmd-stream (2 of 3 rounds finished) | 10", "| drpc (0 of 3 rounds finished) | – |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	r := made(t)
	for i, s := range r.Samples {
		if s.Peer == ours && s.Workload == "RPC/64B/1x64" && s.Round == 1 {
			r.Samples[i] = results.Sample{Peer: s.Peer, Workload: s.Workload, Round: s.Round, CPU: s.CPU, Failed: "no answer"}
		}
	}
	if text := section(t, written(t, r)[pageFile], "RPC/64B/1x64"); !strings.Contains(text, "**geminio** (2 of 3 rounds finished)") {
		t.Errorf("geminio's failure is not told:\n%s", text)
	}
}

func TestChartsAreWellFormedAndFitThePage(t *testing.T) {
	for name, text := range written(t, made(t)) {
		if filepath.Ext(name) != ".svg" {
			continue
		}
		if !strings.Contains(text, `width="600pt"`) {
			t.Errorf("%s is not 600 pt wide, which are 800 pixels", name)
		}
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestWithoutSamplesNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	if err := Write(results.Results{}, dir); err == nil {
		t.Error("no error")
	}
	if all := files(t, dir); len(all) > 0 {
		t.Errorf("%v was written", sortedKeys(all))
	}
}

func TestWhatWasNotMeasuredHasNoSection(t *testing.T) {
	r := made(t)
	r.Syscalls = nil
	r.Samples = slices.DeleteFunc(r.Samples, func(s results.Sample) bool { return s.Workload != "RPC/64B/serial" })
	all := written(t, r)
	if names := sortedKeys(all); !slices.Equal(names, []string{"performance-calls.svg", pageFile}) {
		t.Errorf("files %v", names)
	}
	for _, heading := range []string{"## Streams", "## Messages", "## Memory", "## System calls", "## Calls beside bulk", "## One core", "## The original"} {
		if strings.Contains(all[pageFile], heading) {
			t.Errorf("a section %q", heading)
		}
	}
	if bytes.Contains([]byte(all[pageFile]), []byte("NaN")) {
		t.Error("NaN on the page")
	}
}

func TestNum(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.012: "0.012", 0.1: "0.10", 1.234: "1.23", 9.996: "10.0", 12.34: "12.3", 99.96: "100",
		123.4: "123", 999.6: "1,000", 1234: "1,230", 1234567: "1,230,000", -1234: "-1,230", math.Inf(1): none,
	} {
		if got := num(v); got != want {
			t.Errorf("num(%v) is %s, not %s", v, got, want)
		}
	}
	if got := num(nan); got != none {
		t.Errorf("num(NaN) is %s", got)
	}
}

func TestABarThatWouldHideTheOthersIsCut(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{5}, 5},
		{[]float64{1, 2, 24}, 24},
		{[]float64{1, 2, 3, 18000}, 4.5},
		{[]float64{0, 0, 7}, 7},
	} {
		var bars []bar
		for _, v := range c.values {
			bars = append(bars, bar{"x", v})
		}
		if got := longest(bars); got != c.want {
			t.Errorf("the longest of %v is %v, not %v", c.values, got, c.want)
		}
	}
}
