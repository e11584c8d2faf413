package packet

// slice returns n bytes of b from i on, nil for none. Nothing can be appended
// into what follows them.
func slice(b []byte, i, n int) []byte {
	if n == 0 {
		return nil
	}
	return b[i : i+n : i+n]
}

// tail returns what of b begins at i, nil for nothing.
func tail(b []byte, i int) []byte { return slice(b, i, len(b)-i) }
