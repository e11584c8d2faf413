package packet

import "unicode/utf8"

// Cut returns the longest beginning of text that has at most limit bytes and
// does not end inside a UTF-8 character.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > limit-utf8.UTFMax && end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	if !utf8.RuneStart(text[end]) {
		end = limit // not UTF-8 anyway
	}
	return text[:end]
}
