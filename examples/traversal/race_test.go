//go:build race

package traversal

func init() {
	buildFlags = append(buildFlags, "-race")
	rounds = 1 // figures mean little here
}
