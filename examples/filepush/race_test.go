//go:build race

package filepush

// Under the race detector the programs run under it as well.
func init() { buildFlags = append(buildFlags, "-race") }
