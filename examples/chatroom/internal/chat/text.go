package chat

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns the form in which two names that count as the same are equal.
func Fold(name string) string { return strings.ToLower(name) }

// RoomName returns the name of a room without the # that people put before it,
// in lower case.
func RoomName(name string) string { return Fold(strings.TrimPrefix(strings.TrimSpace(name), "#")) }

// CheckName says what is wrong with a nickname or the name of a room.
func CheckName(what, name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > MaxName {
		return fmt.Errorf("%s %q: 1 to %d characters, please", what, name, MaxName)
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return fmt.Errorf("%s %q: letters, digits, - and _ alone, please", what, name)
		}
	}
	return nil
}

// CheckText says what is wrong with something that is said, which must be
// clean.
func CheckText(text string) error {
	if text == "" {
		return errors.New("nothing was said")
	}
	if len(text) > MaxText {
		return fmt.Errorf("too long: %d bytes of %d at most", len(text), MaxText)
	}
	return nil
}

// Clean returns text with nothing in it that a terminal would obey instead of
// show: control characters become spaces, and what turns the direction of
// writing is dropped.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case r == utf8.RuneError, r == '\ufeff', unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}
