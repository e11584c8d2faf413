package application

import (
	"regexp"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// A hijack is who serves the requests of a stream before its methods do.
type hijack struct {
	rpc     geminio.HijackRPC
	pattern *regexp.Regexp // nil: all methods
	match   bool           // the methods that match, else those that do not
}

func (h *hijack) takes(method string) bool {
	return h.pattern == nil || h.pattern.MatchString(method) == h.match
}

// Hijack serves requests of this stream with rpc: those that opts choose, all
// of them without a pattern. A later Hijack replaces an earlier one. It returns
// the error of a pattern that is no regular expression.
func (s *Stream) Hijack(rpc geminio.HijackRPC, opts ...*options.HijackOptions) error {
	h := &hijack{rpc: rpc, match: true}
	opt := options.MergeHijackOptions(opts...)
	if opt.Match != nil {
		h.match = *opt.Match
	}
	if opt.Pattern != nil && *opt.Pattern != "" {
		pattern, err := regexp.Compile(*opt.Pattern)
		if err != nil {
			return err
		}
		h.pattern = pattern
	}
	s.mu.Lock()
	s.rpc().hijack = h
	s.mu.Unlock()
	return nil
}
