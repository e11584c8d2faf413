package conn

import (
	"hash/crc32"
	"time"
)

// A snapshot is all that a session is made of, so that two of them tell whether
// anything has changed.
type snapshot struct {
	state                     state
	closeDue, closedDue, said bool
	finishing, dead, down     bool
	mute, writing, capped     bool
	pos, sent, received       uint64
	acked, streamSent         uint64
	streamAcked, probe        uint64
	rtt                       time.Duration
	replay                    int
	waiting, lastTaken        time.Time
	prefaced, beatDue, askDue bool
	pongs                     owedPongs
	ackDue                    bool
	ackTold                   uint64
	epoch                     uint32
	resume                    resumes
	inPos                     uint64
	seen, off, left           int
	begun                     bool
	ring                      []keptPiece
	again                     int
	queues                    [3]queueShot
	ends                      []ending
	kept                      uint32 // the checksum of what the ring holds
}

type queueShot struct {
	head, tail       *segment
	off              int
	queued, composed uint64
	room, marks      int
}

func (q *queue) shot() queueShot {
	return queueShot{q.head, q.tail, q.off, q.queued, q.composed, q.room.Len(), q.marks.Len()}
}

// snap takes a snapshot. Nothing may read for the session meanwhile.
func (s *session) snap() snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	shot := snapshot{
		state: s.state, closeDue: s.closeDue, closedDue: s.closedDue, said: s.said,
		finishing: s.finishing, dead: s.dead, down: s.down,
		mute: s.mute, writing: s.writing, capped: s.capped,
		pos: s.pos, sent: s.sent, received: s.received.Load(),
		acked: s.flow.acked, streamSent: s.flow.streamSent,
		streamAcked: s.flow.streamAcked, probe: s.flow.probe,
		rtt: s.flow.rtt, replay: s.flow.replay,
		waiting: s.waiting, lastTaken: s.lastTaken,
		prefaced: s.prefaced, beatDue: s.beatDue, askDue: s.askDue,
		pongs: s.pongs, ackDue: s.ackDue, ackTold: s.ackTold,
		epoch: s.epoch, resume: s.resume,
		inPos: s.in.pos, seen: s.in.seen, off: s.in.off, left: s.in.left, begun: s.in.part != nil || s.in.streaming,
		ring: append([]keptPiece(nil), s.ring.kept[s.ring.first:]...), again: s.ring.again - s.ring.first,
		queues: [3]queueShot{s.control.shot(), s.messages.shot(), s.bulk.shot()},
		ends:   append([]ending(nil), s.ends...),
	}
	for _, k := range shot.ring {
		shot.kept = crc32.Update(shot.kept, castagnoli, k.bytes())
	}
	return shot
}
