// Package results is what a comparison leaves behind: every sample, and the
// machine and the versions that they come from.
package results

import (
	"encoding/json"
	"os"
)

// Results are those of one comparison.
type Results struct {
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"` // by the name of the peer
	Samples  []Sample          `json:"samples"`
	Syscalls []Syscalls        `json:"syscalls,omitempty"`
}

// Machine says where the samples were taken.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Go     string `json:"go"`
	Kernel string `json:"kernel"`
	Date   string `json:"date"` // of the beginning, as 2006-01-02
}

// Sample is one run of one workload over one peer, in a process of its own.
type Sample struct {
	Peer     string `json:"peer"`
	Workload string `json:"workload"`
	Round    int    `json:"round"` // the first is 1
	CPU      int    `json:"cpu"`   // GOMAXPROCS

	Ops         int64   `json:"ops"`
	Seconds     float64 `json:"seconds"`
	Bytes       int64   `json:"bytes"` // payload in one direction
	BytesPerOp  float64 `json:"bytesPerOp"`
	AllocsPerOp float64 `json:"allocsPerOp"`

	// Goroutines are those at the end of the run, before anything is closed,
	// beyond those before it was set up. Readers of the load are among them.
	Goroutines int `json:"goroutines"`

	// Extra has the figures that only some workloads have:
	//
	//	p50us, p99us             RPCUnderBulk: how long a call took
	//	bulkMBs                  RPCUnderBulk: what the bulk streams had meanwhile
	//	heap, stack, goroutines  mem-conn, mem-stream: for each, both sides
	//	n                        mem-conn, mem-stream: how many there were
	Extra map[string]float64 `json:"extra,omitempty"`

	// Text has the columns of hol: A, B, call, open.
	Text map[string]string `json:"text,omitempty"`

	// Failed says why there are no figures; it is empty where there are.
	Failed string `json:"failed,omitempty"`
}

// Syscalls are the system calls for each operation of a workload.
type Syscalls struct {
	Peer     string             `json:"peer"`
	Workload string             `json:"workload"`
	Ops      int64              `json:"ops"`
	PerOp    map[string]float64 `json:"perOp"` // by the name of the call
	Failed   string             `json:"failed,omitempty"`
}

// Read reads what Write has written.
func Read(file string) (Results, error) {
	var r Results
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// Write writes r as JSON.
func (r Results) Write(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
