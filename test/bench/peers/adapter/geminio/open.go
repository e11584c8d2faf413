//go:build !original

package geminio

import (
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// openStream opens a stream that may be written to at once.
func openStream(end geminio.End) (geminio.Stream, error) {
	opts := options.OpenStream()
	opts.SetWait(false)
	return end.OpenStream(opts)
}
