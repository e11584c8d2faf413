//go:build !unix

package main

import "math"

// descriptors returns how many descriptors a process may have: here the system
// has no such limit.
func descriptors() int { return math.MaxInt32 }
