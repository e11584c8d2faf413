package compare

import (
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// Machine says what this one is.
func Machine(now time.Time) results.Machine {
	m := results.Machine{
		CPU:    runtime.GOARCH,
		Cores:  runtime.NumCPU(),
		Go:     runtime.Version(),
		Kernel: runtime.GOOS,
		Date:   now.Format(time.DateOnly),
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := cpuModel(string(info)); model != "" {
			m.CPU = model
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(release))
	}
	return m
}

func cpuModel(info string) string {
	for line := range strings.Lines(info) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Versions returns the version of each peer that has one.
func Versions(entries []Entry) map[string]string {
	v := map[string]string{}
	for _, e := range entries {
		if e.Version != "" {
			v[e.Peer] = strings.TrimSpace(e.Module + " " + e.Version)
		}
	}
	return v
}
