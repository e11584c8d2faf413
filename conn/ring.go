package conn

import "github.com/singchia/geminio/packet"

// A ring is what was composed and may have to be sent again, in the order in
// which it was composed. It copies nothing: it holds the segments in which the
// frames were written.
type ring struct {
	kept  []keptPiece
	first int // of kept, the oldest: what lies before is free
	again int // of kept, the next to be sent again; len(kept): nothing is
}

// A keptPiece stays until the peer has acknowledged everything up to its end.
type keptPiece struct {
	piece
	end uint64 // position
}

func (k *keptPiece) start() uint64 { return k.end - uint64(k.piece.end-k.piece.start) }

// push keeps p, which ends at position end. The ring takes a reference to its
// segment. Nothing is to be sent again.
func (r *ring) push(p piece, end uint64) {
	if n := len(r.kept); n > r.first {
		if last := &r.kept[n-1]; last.seg == p.seg && last.piece.end == p.start {
			last.piece.end, last.end = p.end, end
			return
		}
	}
	p.seg.refs++
	r.kept = append(r.kept, keptPiece{p, end})
	r.again = len(r.kept)
}

// drop lets go of what lies below pos.
func (r *ring) drop(pos uint64) {
	for r.first < len(r.kept) && r.kept[r.first].end <= pos {
		r.kept[r.first].seg.release()
		r.kept[r.first] = keptPiece{}
		r.first++
	}
	if r.first == len(r.kept) {
		r.clearSlots(0)
	} else if r.first >= 64 && r.first > len(r.kept)/2 {
		r.clearSlots(copy(r.kept, r.kept[r.first:]))
	}
}

// clearSlots makes the slice n long, after what was in use was moved to its
// front.
func (r *ring) clearSlots(n int) {
	clear(r.kept[n:])
	r.kept = r.kept[:n]
	r.again = max(0, r.again-r.first)
	r.first = 0
	if n == 0 && cap(r.kept) > 64 {
		r.kept = nil // an idle connection keeps nothing
	}
}

// bytes returns how much is kept: what is not acknowledged, and the beginning
// of a piece that is in part.
func (r *ring) bytes() int {
	if r.first == len(r.kept) {
		return 0
	}
	return int(r.kept[len(r.kept)-1].end - r.kept[r.first].start())
}

// border tells whether pos lies between two kept frames, or at either end.
func (r *ring) border(pos uint64) bool {
	for i := r.first; i < len(r.kept); i++ {
		if k := &r.kept[i]; pos < k.end {
			_, ok := k.split(pos)
			return ok
		}
	}
	return true
}

// split returns where in the segment the frame begins that has position pos,
// and whether one does.
func (k *keptPiece) split(pos uint64) (at int, ok bool) {
	at = k.piece.start
	for p := k.start(); p < pos; {
		n := packet.HeaderLen + packet.ParseHeader(k.seg.buf[at:]).Length
		at, p = at+n, p+uint64(n)
		if p > pos {
			return 0, false
		}
	}
	return at, pos >= k.start()
}

// rewind has everything from pos on, a border, sent again.
func (r *ring) rewind(pos uint64) {
	r.drop(pos)
	r.again = r.first
	if r.first < len(r.kept) {
		k := &r.kept[r.first]
		k.piece.start, _ = k.split(pos)
	}
}

// replays tells whether something is to be sent again.
func (r *ring) replays() bool { return r.again < len(r.kept) }

// replay appends the next pieces that are to be sent again, about limit bytes,
// and returns the position behind them.
func (r *ring) replay(pieces []piece, limit int) ([]piece, uint64) {
	var end uint64
	for total := 0; r.replays() && total < limit; r.again++ {
		k := r.kept[r.again]
		k.seg.refs++
		pieces = append(pieces, k.piece)
		total += k.piece.end - k.piece.start
		end = k.end
	}
	return pieces, end
}

// clear lets go of everything.
func (r *ring) clear() {
	for i := r.first; i < len(r.kept); i++ {
		r.kept[i].seg.release()
	}
	*r = ring{}
}
