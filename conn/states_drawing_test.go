package conn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A node is where docs/states.svg shows a state.
type node struct{ x, y, width int }

var nodes = [stateCount]node{
	handshaking:    {12, 125, 94},
	open:           {196, 125, 80},
	closingByUs:    {410, 40, 130},
	closingByBoth:  {410, 125, 130},
	closingByThem:  {410, 210, 130},
	detached:       {196, 425, 80},
	detachedByUs:   {410, 340, 130},
	detachedByBoth: {410, 425, 130},
	detachedByThem: {410, 510, 130},
	closed:         {690, 277, 90},
}

// An arrow is how docs/states.svg shows that one state follows another: the
// path, and where its label stands, which ends there or begins.
type arrow struct {
	path   string
	anchor string
	x, y   int
}

// arrows are those that show what the table holds beside cut, resumed and lost.
var arrows = map[[2]state]arrow{
	{handshaking, open}:            {"M108 143H193", "mid", 150, 135},
	{open, closingByUs}:            {"M236 123V58H407", "start", 244, 76},
	{open, closingByThem}:          {"M236 163V228H407", "start", 244, 206},
	{closingByUs, closingByBoth}:   {"M450 78V122", "end", 444, 98},
	{closingByBoth, closingByUs}:   {"M500 123V79", "start", 506, 98},
	{closingByBoth, closingByThem}: {"M450 163V207", "end", 444, 190},
	{closingByUs, closed}:          {"M542 58H762V274", "end", 754, 150},
	{closingByThem, closed}:        {"M542 228H620V295H687", "start", 628, 248},
	{detached, detachedByUs}:       {"M236 423V358H407", "start", 244, 376},
	{detachedByBoth, detachedByUs}: {"M500 423V379", "start", 506, 398},
	{detachedByThem, closed}:       {"M542 528H735V316", "end", 728, 440},
}

const drawingHead = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 606" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="The states of a connection">
  <!-- Written by go test ./conn -run TestStates -update from the table in conn/state.go. -->
  <style>
    .panel { fill: #fff; stroke: #d6d6d6 }
    .gone { stroke-dasharray: 4 3 }
    .state { fill: #eef4fa; stroke: #c5d6e6 }
    .note { font-size: 12px; fill: #666 }
    .mid { text-anchor: middle }
    .start { text-anchor: start }
    .end { text-anchor: end }
    .go { stroke: #2b5c8a; stroke-width: 1.6; fill: none; marker-end: url(#b) }
    .lost { stroke: #b3402e; stroke-width: 1.6; fill: none; marker-end: url(#r) }
    .back { stroke: #2e7d4f; stroke-width: 1.6; fill: none; marker-end: url(#g) }
  </style>
  <defs>
    <marker id="b" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#2b5c8a"/></marker>
    <marker id="r" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#b3402e"/></marker>
    <marker id="g" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#2e7d4f"/></marker>
  </defs>
  <rect width="800" height="606" rx="8" fill="#fff"/>
  <rect class="panel" x="160" y="20" width="444" height="246" rx="6"/>
  <rect class="panel gone" x="160" y="320" width="444" height="246" rx="6"/>
  <text class="note" x="172" y="40">a connection carries it</text>
  <text class="note" x="172" y="340">nothing carries it</text>
  <path class="lost" d="M330 268V317"/>
  <path class="back" d="M380 318V269"/>
  <text class="end" x="322" y="297">%v</text>
  <text class="start" x="388" y="297">%v</text>
  <text class="note" x="160" y="590">%v: from every state to %v, %v.</text>
`

// drawing is docs/states.svg. It shows every transition between two states: one
// that the table gains or loses makes the test fail until it has its arrow.
func drawing(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, drawingHead, cut, resumed, lost, closed, abort)
	for s, n := range nodes {
		name := strings.TrimPrefix(state(s).String(), "detached, ")
		fmt.Fprintf(&b, "  <rect class=\"state\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"36\" rx=\"6\"/>\n", n.x, n.y, n.width)
		fmt.Fprintf(&b, "  <text class=\"mid\" x=\"%d\" y=\"%d\">%s</text>\n", n.x+n.width/2, n.y+23, name)
	}
	drawn := map[[2]state]bool{}
	for s := range stateCount {
		for e := range eventCount {
			next, effects, ok := s.step(e)
			if !ok || next == s {
				continue
			}
			if slices.Contains([]event{cut, resumed, lost}, e) {
				requireShownByPanels(t, s, e)
				continue
			}
			edge := [2]state{s, next}
			require.Contains(t, arrows, edge, "%v -> %v has no arrow", s, next)
			require.False(t, drawn[edge], "%v -> %v has one label", s, next)
			drawn[edge] = true
			writeArrow(&b, arrows[edge], e, effects)
		}
	}
	assert.Len(t, drawn, len(arrows), "an arrow shows what the table does not hold")
	b.WriteString("</svg>\n")
	return b.String()
}

func writeArrow(b *strings.Builder, a arrow, e event, effects effect) {
	fmt.Fprintf(b, "  <path class=\"go\" d=\"%s\"/>\n", a.path)
	fmt.Fprintf(b, "  <text class=\"%s\" x=\"%d\" y=\"%d\">%v</text>\n", a.anchor, a.x, a.y, e)
	if effects != 0 {
		fmt.Fprintf(b, "  <text class=\"note %s\" x=\"%d\" y=\"%d\">%v</text>\n", a.anchor, a.x, a.y+14, effects)
	}
}

// requireShownByPanels checks that e does to s what the two arrows between the
// panels and the line below them say.
func requireShownByPanels(t *testing.T, s state, e event) {
	next, effects, _ := s.step(e)
	switch e {
	case lost:
		require.Equal(t, closed, next, "%v in %v", e, s)
		require.Equal(t, abort, effects, "%v in %v", e, s)
	case cut:
		require.Equal(t, nodes[s].x, nodes[next].x, "%v in %v", e, s)
		require.Equal(t, nodes[s].y+300, nodes[next].y, "%v in %v", e, s)
		back, _, _ := next.step(resumed)
		require.Equal(t, s, back, "%v in %v", resumed, next)
	case resumed:
		gone, _, _ := next.step(cut)
		require.Equal(t, s, gone, "%v in %v", cut, next)
	}
	require.True(t, e == lost || effects == 0, "%v in %v", e, s)
}
