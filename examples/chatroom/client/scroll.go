package main

// maxEntries is how far back one can scroll.
const maxEntries = 5000

// scroll is what was said in a room, and which part of it is looked at.
type scroll struct {
	entries []entry
	unread  int // messages that came while another room was shown

	width int      // for which the lines are
	lines []string // of entries
	up    int      // how many lines are below what is shown
}

// add appends an entry. Who looks at older ones goes on seeing them.
func (s *scroll) add(e entry) {
	s.entries = append(s.entries, e)
	if s.width > 0 {
		lines := e.lines(s.width)
		s.lines = append(s.lines, lines...)
		if s.up > 0 {
			s.up += len(lines)
		}
	}
	if len(s.entries) > maxEntries+maxEntries/10 {
		s.entries = append([]entry(nil), s.entries[len(s.entries)-maxEntries:]...)
		s.width = 0 // the lines are made again
	}
}

// move goes up by n lines, or down.
func (s *scroll) move(n int) { s.up += n }

// last returns the lines to show, height at most.
func (s *scroll) last(width, height int) []string {
	if s.width != width {
		s.width, s.lines = width, nil
		for _, e := range s.entries {
			s.lines = append(s.lines, e.lines(width)...)
		}
	}
	s.up = max(min(s.up, len(s.lines)-height), 0)
	end := len(s.lines) - s.up
	return s.lines[max(end-height, 0):end]
}
