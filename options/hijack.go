package options

// HijackOptions are the options of Hijack.
type HijackOptions struct {
	// Match says whether the methods that match Pattern are hijacked (true)
	// or all others (false). If nil, those that match.
	Match *bool
	// Pattern is a regular expression (package regexp), unanchored. If nil
	// or empty, every method is hijacked.
	Pattern *string
}

// Hijack returns HijackOptions with nothing set.
func Hijack() *HijackOptions { return &HijackOptions{} }

// SetMatch hijacks the methods that match pattern, a regular expression that
// may match anywhere in the name; with match false, all others.
func (opt *HijackOptions) SetMatch(match bool, pattern string) {
	opt.Match = &match
	opt.Pattern = &pattern
}

func (opt *HijackOptions) overlay(on *HijackOptions) {
	set(&on.Match, opt.Match)
	set(&on.Pattern, opt.Pattern)
}

// MergeHijackOptions returns new options with, of each field, the last that is
// set in opts. Nil opts are skipped.
func MergeHijackOptions(opts ...*HijackOptions) *HijackOptions {
	return Merge(opts, (*HijackOptions).overlay)
}
