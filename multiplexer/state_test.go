package multiplexer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const halves = `
          DATA      FIN       END   RESET
flowing   flowing   finished  ended ended
finished  -         -         ended ended
ended     -         -         -     ended
`

func TestAHalfFollowsItsTable(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-10s%-10s%-10s%-6s%s\n", "", "DATA", "FIN", "END", "RESET")
	for h := flowing; h <= ended; h++ {
		cells := []any{h}
		for m := markData; m <= markReset; m++ {
			next, ok := h.step(m)
			if ok {
				cells = append(cells, next)
				continue
			}
			require.Equal(t, h, next, "what is illegal changes nothing")
			cells = append(cells, "-")
		}
		fmt.Fprintf(&b, "%-10v%-10v%-10v%-6v%v\n", cells...)
	}
	require.Equal(t, halves, b.String())
}
