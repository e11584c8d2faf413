package chat

// Seen remembers the ids of the last messages: a client is brought some of them
// again with the history, a server by a client that did not learn that they
// had arrived.
type Seen struct {
	limit int
	ids   map[string]struct{}
	order []string
}

// NewSeen returns what remembers so many ids.
func NewSeen(limit int) *Seen {
	return &Seen{limit: limit, ids: make(map[string]struct{})}
}

// Has tells whether id is remembered.
func (s *Seen) Has(id string) bool {
	_, has := s.ids[id]
	return has
}

// Add remembers id, and tells whether it is new.
func (s *Seen) Add(id string) bool {
	if s.Has(id) {
		return false
	}
	s.ids[id] = struct{}{}
	s.order = append(s.order, id)
	if len(s.order) > s.limit {
		delete(s.ids, s.order[0])
		s.order = s.order[1:]
	}
	return true
}
