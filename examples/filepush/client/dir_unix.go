//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a directory until it is closed, or the process ends however it
// does.
func lock(dir *os.File) error {
	err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another client puts files there")
	}
	return err
}

// syncDir puts the names of a directory on the disk.
func syncDir(dir *os.File) error { return dir.Sync() }
