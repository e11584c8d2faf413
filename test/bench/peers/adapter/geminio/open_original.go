//go:build original

package geminio

import "github.com/singchia/geminio"

// openStream opens a stream in the one way there is: it waits for the peer.
func openStream(end geminio.End) (geminio.Stream, error) { return end.OpenStream() }
