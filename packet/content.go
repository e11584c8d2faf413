package packet

type contentParts struct{ name, custom, data []byte }

// parseContent cuts b behind its fixed fields into a name and the content. The
// lengths must add up exactly; reason is empty when they do.
func parseContent(h Header, b []byte, fixed, name int, customLen, dataLen uint32) (p contentParts, reason string) {
	content := uint64(customLen) + uint64(dataLen)
	inline := content
	if h.Flags&FlagMORE != 0 {
		if content == 0 {
			return p, "nothing announced"
		}
		inline = 0
	}
	if uint64(fixed+name)+inline != uint64(len(b)) {
		return p, "lengths do not add up"
	}
	p.name = slice(b, fixed, name)
	if inline != 0 {
		p.custom = slice(b, fixed+name, int(customLen))
		p.data = tail(b, fixed+name+int(customLen))
	}
	return p, ""
}
