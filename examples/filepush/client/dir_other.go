//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import "os"

// lock does nothing: here it is up to the user that one client alone puts
// files there.
func lock(*os.File) error { return nil }

// syncDir does nothing: here directories are not files.
func syncDir(*os.File) error { return nil }
