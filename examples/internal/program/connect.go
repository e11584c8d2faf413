package program

import (
	"context"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
)

// Connect returns an End that dials again by itself when its connection is
// lost. It waits for the first one no longer than ctx lives.
func Connect(ctx context.Context, dial client.Dialer, opts *client.EndOptions) (geminio.End, error) {
	type result struct {
		end geminio.End
		err error
	}
	connected := make(chan result, 1)
	go func() {
		end, err := client.NewRetryEndWithDialer(dial, opts)
		connected <- result{end, err}
	}()
	select {
	case r := <-connected:
		return r.end, r.err
	case <-ctx.Done():
		go func() {
			if r := <-connected; r.err == nil {
				r.end.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}
