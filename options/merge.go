package options

// Merge returns a new T over which overlay was called with each of opts, the
// first one first. Those that are nil are skipped. Every set of options in
// this library is merged by it.
func Merge[T any](opts []*T, overlay func(opt, on *T)) *T {
	merged := new(T)
	for _, opt := range opts {
		if opt != nil {
			overlay(opt, merged)
		}
	}
	return merged
}

// set makes *on opt, unless opt is nil. What opt points to is shared, and
// written by nobody.
func set[T any](on **T, opt *T) {
	if opt != nil {
		*on = opt
	}
}

// setBytes makes *on b, unless b is nil.
func setBytes(on *[]byte, b []byte) {
	if b != nil {
		*on = b
	}
}
