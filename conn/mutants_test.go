package conn

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mutant is a small change of the code that breaks a promise. found is the
// test that must notice it, "" the simulation within 1,000 seeds. Those that are
// usual are tried in every run.
type mutant struct {
	name, file, old, new string
	found                string
	usual                bool
}

var mutants = []mutant{
	{name: "the old transport is not waited for", file: "resume.go", usual: true,
		old: "	c.lose(t, errFenced)\n	timer", new: "	c.lose(t, errFenced)\n	return nil\n	timer",
		found: "TestNothingOfTheOldTransportArrivesAfterAResume"},
	{name: "the transport goes before its reader has ended", file: "settle.go",
		old: "for !c.reading && !c.writing {", new: "for !c.writing {",
		found: "TestNothingOfTheOldTransportArrivesAfterAResume"},
	{name: "one byte too many is acknowledged", file: "dispatch.go",
		old: "s.received.Store(pos)", new: "s.received.Store(pos + 1)", usual: true},
	{name: "a frame that is not whole is acknowledged", file: "dispatch.go",
		old: "pos := s.in.pos\n", new: "pos := s.in.pos + uint64(s.in.off)\n"},
	{name: "the epoch is not looked at", file: "resume.go",
		old: "case r.Epoch <= c.epoch:", new: "case r.Epoch == 0:"},
	{name: "the epoch is forgotten", file: "resume.go",
		old: "c.epoch = r.Epoch", new: "_ = r.Epoch"},
	{name: "what was seen of a cut frame is taken again", file: "parser.go",
		old: "again := min(len(part), max(0, p.seen-p.off))", new: "again := 0"},
	{name: "of a frame that was cut twice the last cut counts", file: "parser.go",
		old: "p.seen = max(p.seen, p.off)", new: "p.seen = p.off", usual: true},
	{name: "the beginning of a cut frame is kept", file: "parser.go",
		old: "		parts.Put(p.part)\n		p.part = nil\n	}\n	if p.streaming {", new: "	}\n	if p.streaming {"},
	{name: "PING is counted", file: "parser.go",
		old: "	if h.Type.Counted() {", new: "	if h.Length > 8 || h.Type.Counted() {"},
	{name: "the repetition begins one piece too late", file: "ring.go",
		old: "	r.again = r.first\n	if", new: "	r.again = min(r.first+1, len(r.kept))\n	if"},
	{name: "the repetition begins with what was received", file: "ring.go",
		old: "k.piece.start, _ = k.split(pos)", new: "_, _ = k.split(pos)"},
	{name: "a piece is freed when it is acknowledged in part", file: "ring.go",
		old: "r.kept[r.first].end <= pos {", new: "r.kept[r.first].start() < pos {"},
	{name: "a piece is freed when it was written", file: "ring.go",
		old: "	p.seg.refs++\n	r.kept", new: "	r.kept"},
	{name: "something new goes before the repetition", file: "compose.go",
		old: "if s.ring.replays() {", new: "if s.ring.replays() && s.control.bytes() == 0 {"},
	{name: "a position within a frame is accepted", file: "session.go",
		old: " && s.ring.border(pos)", new: ""},
	{name: "a position beyond what was sent is accepted", file: "session.go",
		old: "pos <= s.pos && ", new: ""},
	{name: "a position below what was acknowledged is accepted", file: "session.go",
		old: "return pos >= s.flow.acked && ", new: "return "},
	{name: "what a resume tells is told again", file: "session.go",
		old: "	s.ackTold = s.received.Load()\n	s.flow", new: "	s.flow"},
	{name: "a resume acknowledges nothing", file: "session.go",
		old: "_ = s.acknowledged(now, pos)", new: "_ = now"},
	{name: "what was sent is not set back", file: "session.go",
		old: "	s.ring.rewind(pos)\n	s.sent = pos\n", new: "	s.ring.rewind(pos)\n"},
	{name: "a PING is answered over the next transport", file: "session.go",
		old: "s.pongs, s.ackDue, s.beatDue, s.askDue = owedPongs{}, false, false, false",
		new: "s.ackDue, s.beatDue, s.askDue = false, false, false"},
	{name: "the next transport has no preface", file: "session.go",
		old: "s.down, s.mute, s.prefaced = true, false, false", new: "s.down, s.mute = true, false"},
	{name: "a refused resume uses the epoch up", file: "resume.go",
		old: "	case !c.accepts(r.Position):\n", new: "	case !c.accepts(r.Position):\n		c.epoch = r.Epoch\n"},
}

// TestMutantsAreFound runs the tests against each mutant; all of them with
// GEMINIO_SOAK, else those that are usual.
func TestMutantsAreFound(t *testing.T) {
	gobin, err := exec.LookPath("go")
	if err != nil || os.Getenv("GEMINIO_SEEDS") != "" || os.Getenv("GEMINIO_SEED") != "" {
		t.Skip("runs go test, and is not itself run by it")
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	for _, m := range mutants {
		path := filepath.Join(dir, m.file)
		code, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, 1, bytes.Count(code, []byte(m.old)), "%s: the text must stand in %s once", m.name, m.file)
		if os.Getenv("GEMINIO_SOAK") == "" && !m.usual {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			temp := t.TempDir()
			mutated := filepath.Join(temp, m.file)
			require.NoError(t, os.WriteFile(mutated, bytes.Replace(code, []byte(m.old), []byte(m.new), 1), 0o600))
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutated}})
			require.NoError(t, err)
			list := filepath.Join(temp, "overlay.json")
			require.NoError(t, os.WriteFile(list, overlay, 0o600))
			test := m.found
			if test == "" {
				test = "TestSimulatedSessionsKeepTheInvariants"
			}
			cmd := exec.Command(gobin, "test", "-overlay", list, "-count=1", "-timeout=2m", "-run", "^"+test+"$", ".")
			cmd.Env = append(os.Environ(), "GEMINIO_SEEDS=1000")
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the mutant lives: %s", out)
			require.Contains(t, string(out), "--- FAIL: "+test, "it does not even compile")
			t.Log(firstLineWith(out, "seed"))
		})
	}
}

func firstLineWith(out []byte, word string) string {
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte(word)) {
			return string(bytes.TrimSpace(line))
		}
	}
	return ""
}
