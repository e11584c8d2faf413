//go:build unix

package main

import (
	"math"
	"syscall"
)

// descriptors returns how many descriptors a process may have.
func descriptors() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return math.MaxInt
	}
	return int(min(uint64(l.Cur), math.MaxInt32))
}
