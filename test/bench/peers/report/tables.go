package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// row names a figure in a table.
func row(f figure) string {
	name := label(f.peer)
	if kindOf(f.peer) == us {
		name = "**" + name + "**"
	}
	if f.finished < f.rounds {
		name += fmt.Sprintf(" (%d of %d rounds finished)", f.finished, f.rounds)
	}
	return name
}

// Versions has a row for each peer that was measured.
func (p page) Versions() table {
	t := table{head: []string{"peer", "version"}, text: true}
	rows := map[string]bool{}
	for _, of := range p.figures {
		for _, f := range of {
			rows[f.peer] = true
		}
	}
	for _, peer := range sortedKeys(rows) {
		version := p.results.Versions[peer]
		switch kindOf(peer) {
		case us:
			version = "this repository"
		case limit:
			version = "a limit, not a library"
		}
		if version != "" {
			t.add(label(peer), version)
		}
	}
	return t
}

// Headline has geminio beside the best of the others and the limit.
func (p page) Headline() table {
	t := table{head: []string{"", "geminio", "best of the others", "limit", "geminio to the best", "geminio to the limit"}}
	for _, h := range headlines {
		g, has := p.find(h.workload, ours, p.cpu)
		if !has {
			continue
		}
		m := h.metric
		best, toBest := none, none
		if b, ok := p.best(h.workload, m); ok {
			best = with(m.of(b), m.unit) + " " + label(b.peer)
			toBest = factor(m.times(m.of(g), m.of(b)))
		}
		most, toMost := none, none
		if l, ok := p.find(h.workload, h.limit, p.cpu); ok && known(m.of(l)) {
			most = with(m.of(l), m.unit) + " " + l.peer
			toMost = factor(m.times(m.of(g), m.of(l)))
		}
		t.add(h.name, "**"+with(m.of(g), m.unit)+"**", best, most, toBest, toMost)
	}
	return t
}

// workload is the table of one workload, the quickest first.
func (p page) workload(w workload) table {
	t := table{head: []string{"peer", "us/op", "±%", w.rate.unit, "B/op", "allocs/op", "time / geminio's"}}
	than := nan
	if g, ok := p.find(w.name, ours, p.cpu); ok {
		than = g.micros
	}
	for _, f := range p.sorted(w.name, micros) {
		t.add(row(f), num(f.micros), percent(f.spread), num(w.rate.of(f)), num(f.bytes), num(f.allocs), factor(f.micros/than))
	}
	return t
}

// Beside is the table of calls beside n bulk streams.
func (p page) Beside(n int) table {
	t := table{head: []string{"peer", "idle p50, us", "idle p99, us", "p50, us", "p99, us", "p50 / idle p50", "bulk, MB/s", "bulk / bulk without calls"}}
	for _, f := range p.sorted(fmt.Sprintf("RPCUnderBulk/bulk%d", n), p50) {
		idle, _ := p.find("RPCUnderBulk/idle", f.peer, p.cpu)
		alone, _ := p.find(fmt.Sprintf("RPCUnderBulk/bulk-alone%d", n), f.peer, p.cpu)
		t.add(row(f), num(p50.of(idle)), num(p99.of(idle)), num(p50.of(f)), num(p99.of(f)),
			factor(p50.of(f)/p50.of(idle)), num(bulkRate.of(f)), factor(bulkRate.of(f)/bulkRate.of(alone)))
	}
	return t
}

// Memory is the table of mem-conn or mem-stream.
func (p page) Memory(workload string) table {
	t := table{head: []string{"peer", "heap, B", "stack, B", "together, B", "goroutines", "together / geminio's"}}
	than := nan
	if g, ok := p.find(workload, ours, p.cpu); ok {
		than = memory.of(g)
	}
	for _, f := range p.sorted(workload, memory) {
		t.add(row(f), num(f.value("heap")), num(f.value("stack")), num(memory.of(f)), num(f.value("goroutines")), factor(memory.of(f)/than))
	}
	return t
}

// HeadOfLine says what goes on beside a stream that nobody reads.
func (p page) HeadOfLine() table {
	t := table{head: []string{"peer", "the stream nobody reads", "another stream", "a call", "a new stream"}, text: true}
	cell := func(s string) string {
		if s == "" || s == "-" {
			return none
		}
		return strings.ReplaceAll(s, "|", `\|`)
	}
	for _, f := range p.of("hol") {
		t.add(row(f), cell(f.text["A"]), cell(f.text["B"]), cell(f.text["call"]), cell(f.text["open"]))
	}
	return t
}

// Syscalls has the system calls of an operation, both sides together.
func (p page) Syscalls() []Section {
	var all []Section
	for _, w := range workloads {
		t := table{head: []string{"peer", "write", "read", "futex", "epoll", "others", "all"}}
		of := slices.Clone(p.results.Syscalls)
		of = slices.DeleteFunc(of, func(s results.Syscalls) bool {
			return s.Workload != w.name || s.Failed != "" && kindOf(s.Peer) == original
		})
		slices.SortStableFunc(of, func(a, b results.Syscalls) int { return strings.Compare(a.Peer, b.Peer) })
		for _, s := range of {
			name := row(figure{peer: s.Peer})
			if s.Failed != "" {
				t.add(name+" (did not finish)", none, none, none, none, none, none)
				continue
			}
			sum := map[string]float64{}
			total := 0.0
			for _, call := range sortedKeys(s.PerOp) {
				sum[syscallNames[call]] += s.PerOp[call]
				total += s.PerOp[call]
			}
			t.add(name, num(sum["write"]), num(sum["read"]), num(sum["futex"]), num(sum["epoll"]), num(sum[""]), num(total))
		}
		if len(t.rows) > 0 {
			all = append(all, Section{w.name, w.about, t})
		}
	}
	return all
}

// Cores has the rates with each number of cores.
func (p page) Cores() table {
	if len(p.cpus) < 2 {
		return table{}
	}
	t := table{head: []string{"workload, peer"}}
	for _, n := range p.cpus {
		t.head = append(t.head, "GOMAXPROCS "+strconv.Itoa(n))
	}
	t.head = append(t.head, fmt.Sprintf("%d / %d", p.cpus[len(p.cpus)-1], p.cpus[0]))
	for _, w := range workloads {
		peers := []string{ours}
		if b, ok := p.best(w.name, w.rate); ok {
			peers = append(peers, b.peer)
		}
		for _, peer := range append(peers, w.limit) {
			cells := []string{w.name + ", " + row(figure{peer: peer})}
			rates := make([]float64, len(p.cpus))
			complete := true
			for i, n := range p.cpus {
				f, ok := p.find(w.name, peer, n)
				rates[i] = w.rate.of(f)
				complete = complete && ok
				cells = append(cells, with(rates[i], w.rate.unit))
			}
			if complete {
				t.add(append(cells, factor(rates[len(rates)-1]/rates[0]))...)
			}
		}
	}
	return t
}

// Published has what the original's README counts, as it counts it and as it
// is when all that is counted is carried.
func (p page) Published() table {
	t := table{head: []string{"", "README of the original", "same shape, net.Pipe", "128 KiB carried, net.Pipe", "128 KiB carried, TCP"}}
	shapes := []string{"pipe/%s-shape", "pipe/%s-carried", "tcp/%s-carried"}
	for _, about := range published {
		peers := map[string]bool{}
		for _, shape := range shapes {
			for _, f := range p.of("Published/" + fmt.Sprintf(shape, about.name)) {
				peers[f.peer] = true
			}
		}
		for _, peer := range sortedKeys(peers) {
			cells := []string{about.name + ", " + row(figure{peer: peer}), none}
			if kindOf(peer) == original {
				cells[1] = about.value
			}
			for _, shape := range shapes {
				f, ok := p.find("Published/"+fmt.Sprintf(shape, about.name), peer, p.cpu)
				if !ok {
					f.perSecond = nan
				}
				cells = append(cells, num(f.perSecond*publishedBytes/1e6))
			}
			t.add(cells...)
		}
	}
	return t
}
