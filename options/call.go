package options

import "time"

// CallOptions are the options of Call and CallAsync.
type CallOptions struct {
	// Timeout limits how long the call may take; 0 means no limit. If nil, the
	// request's own timeout counts.
	Timeout *time.Duration
}

// Call returns CallOptions with nothing set.
func Call() *CallOptions { return &CallOptions{} }

// SetTimeout limits how long the call may take; 0 means no limit.
func (opt *CallOptions) SetTimeout(timeout time.Duration) { opt.Timeout = &timeout }

func (opt *CallOptions) overlay(on *CallOptions) { set(&on.Timeout, opt.Timeout) }

// MergeCallOptions returns new options with, of each field, the last that is
// set in opts. Nil opts are skipped.
func MergeCallOptions(opts ...*CallOptions) *CallOptions {
	return Merge(opts, (*CallOptions).overlay)
}

// NewRequestOptions are the options of NewRequest.
type NewRequestOptions struct {
	// Custom are the bytes that travel beside the request's data.
	Custom []byte
}

// NewRequest returns NewRequestOptions with nothing set.
func NewRequest() *NewRequestOptions { return &NewRequestOptions{} }

// SetCustom sets the bytes that travel beside the request's data. They are not
// copied.
func (opt *NewRequestOptions) SetCustom(custom []byte) { opt.Custom = custom }

func (opt *NewRequestOptions) overlay(on *NewRequestOptions) { setBytes(&on.Custom, opt.Custom) }

// MergeNewRequestOptions returns new options with, of each field, the last
// that is set in opts. Nil opts are skipped.
func MergeNewRequestOptions(opts ...*NewRequestOptions) *NewRequestOptions {
	return Merge(opts, (*NewRequestOptions).overlay)
}
