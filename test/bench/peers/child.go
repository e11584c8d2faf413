package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"github.com/singchia/geminio/test/bench/peers/compare"
	"github.com/singchia/geminio/test/bench/peers/load"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// runCommand runs one workload over one peer and prints the sample as a line
// of JSON, also when it failed.
func runCommand(_ context.Context, args []string, out io.Writer) error {
	var (
		f    = flag.NewFlagSet("run", flag.ContinueOnError)
		name = f.String("peer", "geminio", "the `name` of the peer")
		what = f.String("workload", "", "the `name` of the workload")
		d    = f.Duration("d", time.Second, "how long is measured")
		warm = f.Duration("warm", -1, "how long it runs before, by default a tenth of it")
	)
	if err := f.Parse(args); err != nil {
		return err
	}
	t := load.For(*d)
	if *warm >= 0 {
		t.Warm = *warm
	}
	w, err := find(*name, *what)
	if err != nil {
		return err
	}
	s := w.Run(t, compare.Patience)
	s.Peer, s.Round, s.CPU = *name, 1, runtime.GOMAXPROCS(0)
	if err := json.NewEncoder(out).Encode(s); err != nil {
		return err
	}
	if s.Failed != "" {
		return errMissed
	}
	return nil
}

func find(name, workload string) (load.Workload, error) {
	for _, p := range peers() {
		if p.Name != name {
			continue
		}
		for _, w := range load.Of(p, load.Full) {
			if w.Name == workload {
				return w, nil
			}
		}
		return load.Workload{}, fmt.Errorf("peer %q has no workload %q", name, workload)
	}
	return load.Workload{}, fmt.Errorf("no peer %q", name)
}

// listCommand prints the peers, the versions of their modules and their
// workloads.
func listCommand(_ context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("list", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "print JSON, as the driver reads it")
	if err := f.Parse(args); err != nil {
		return err
	}
	info, _ := debug.ReadBuildInfo()
	all := entries(peers(), info)
	if *asJSON {
		return json.NewEncoder(out).Encode(all)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range all {
		for _, w := range e.Workloads {
			fmt.Fprintf(table, "%s\t%s\t%s\n", e.Peer, cmp.Or(e.Version, "-"), w)
		}
	}
	return table.Flush()
}

func entries(all []peer.Peer, info *debug.BuildInfo) []compare.Entry {
	var list []compare.Entry
	for _, p := range all {
		e := compare.Entry{Peer: p.Name, Module: p.Module, Version: version(p.Module, info)}
		for _, w := range load.Of(p, load.Full) {
			e.Workloads = append(e.Workloads, w.Name)
		}
		list = append(list, e)
	}
	return list
}

// version is that of a module as it was built into this program.
func version(module string, info *debug.BuildInfo) string {
	if module == "" || info == nil {
		return ""
	}
	for _, m := range info.Deps {
		switch {
		case m.Path != module:
		case m.Replace == nil:
			return m.Version
		case m.Replace.Version == "", m.Replace.Version == "(devel)": // a directory
			return "this tree"
		default:
			return m.Replace.Version
		}
	}
	return ""
}
