package packet

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rows returns the cells of the tables in a section of docs/wire.md, without
// the heads.
func rows(t *testing.T, section string) [][]string {
	b, err := os.ReadFile("../docs/wire.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(b), "\n## "+section+"\n")
	require.True(t, found, section)
	rest, _, _ = strings.Cut(rest, "\n## ")
	var all [][]string
	for _, line := range strings.Split(rest, "\n") {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	require.Greater(t, len(all), 2)
	return all[2:]
}

func number(t *testing.T, s string) int {
	n, err := strconv.ParseInt(strings.ReplaceAll(s, ",", ""), 0, 64)
	require.NoError(t, err)
	return int(n)
}

// specRow is a type as section 4 has it.
type specRow struct {
	name                    string
	min, max, minMore, most int
	fin, more               bool
	onConnection, onStream  bool
}

func lengths(t *testing.T, s string) (low, high int) {
	a, b, is := strings.Cut(s, "..")
	if low = number(t, a); !is {
		return low, low
	}
	return low, number(t, b)
}

func specTypes(t *testing.T) map[Type]specRow {
	types := map[Type]specRow{}
	for _, c := range rows(t, "4. Types") {
		r := specRow{name: c[1]}
		for _, s := range strings.Split(c[2], ",") {
			r.onConnection = r.onConnection || strings.TrimSpace(s) == "0"
			r.onStream = r.onStream || strings.TrimSpace(s) == "n"
		}
		length, more, _ := strings.Cut(c[3], ", with MORE ")
		r.min, r.max = lengths(t, length)
		r.minMore, r.most = r.min, r.max
		if more != "" {
			r.minMore, r.most = lengths(t, more)
		}
		r.fin, r.more = c[4] == "FIN", c[4] == "MORE"
		types[Type(number(t, c[0]))] = r
	}
	return types
}

func TestCheckHoldsEveryHeaderAgainstTheSpecification(t *testing.T) { // W14, W15
	spec := specTypes(t)
	lengths := []int{0, 1, 65535, 65536, 65537, 1<<21 - 1}
	for _, r := range spec {
		for _, n := range []int{r.min, r.max, r.minMore, r.most} {
			lengths = append(lengths, max(n-1, 0), n, n+1)
		}
	}
	slices.Sort(lengths)
	lengths = slices.Compact(lengths)
	for i := 0; i < 256; i++ {
		r, known := spec[Type(i)]
		for _, n := range lengths {
			for flags := Flags(0); flags < 8; flags++ {
				for _, stream := range []uint32{0, 1, 1 << 31} {
					low, high := r.min, r.max
					if flags&FlagMORE != 0 {
						low, high = r.minMore, r.most
					}
					want := known && n >= low && n <= high &&
						(flags&FlagFIN == 0 || r.fin) && (flags&FlagMORE == 0 || r.more) && flags&4 == 0 &&
						(stream == 0 && r.onConnection || stream != 0 && r.onStream) &&
						(r.name != "DATA" || n != 0 || flags&FlagFIN != 0)
					if i >= 128 {
						want = n <= 65536
					}
					h := Header{Type(i), flags, n, stream}
					if err := h.Check(); (err == nil) != want {
						require.Failf(t, "wrong verdict", "%+v: want allowed %t, got %v", h, want, err)
					} else if err != nil && !errors.Is(err, ErrMalformed) {
						require.Failf(t, "not malformed", "%v", err)
					}
				}
			}
		}
	}
}

func TestTypesHaveTheNamesOfTheSpecification(t *testing.T) {
	spec := specTypes(t)
	for i := 0; i < 256; i++ {
		r, known := spec[Type(i)]
		require.Equal(t, known, Type(i).Known(), "%d", i)
		if known {
			assert.Equal(t, r.name, Type(i).String())
		}
	}
	assert.Equal(t, "type 0xff", Type(0xff).String())
}

func TestAllFramesAreCountedButPingPongAndAck(t *testing.T) { // W28
	for i := 0; i < 256; i++ {
		name := Type(i).String()
		assert.Equal(t, name != "PING" && name != "PONG" && name != "ACK", Type(i).Counted(), name)
	}
}

func TestHeadersCarryEveryValueOfTheirFields(t *testing.T) { // W13
	for _, h := range []Header{
		{}, {Type: 0xff, Flags: 7, Length: 1<<21 - 1, Stream: 1<<32 - 1},
		{Type: 1}, {Flags: 4}, {Length: 1 << 20}, {Stream: 1},
	} {
		b := AppendHeader(nil, h)
		assert.Len(t, b, HeaderLen)
		assert.Equal(t, h, ParseHeader(b))
	}
}

func TestCodesHaveTheNumbersOfTheSpecification(t *testing.T) {
	codes := []Code{CodeOK, CodeError, CodeNoSuchMethod, CodePanic, CodeBusy, CodeTooLarge, CodeCancelled,
		CodeExpired, CodeRefused, CodeClosed, CodeReplaced, CodeProtocol, CodeIDInUse}
	spec := rows(t, "13. Codes")
	require.Len(t, spec, len(codes))
	for i, c := range spec {
		assert.Equal(t, codes[i], Code(number(t, c[0])))
		assert.Equal(t, c[1], codes[i].String())
	}
	assert.Equal(t, "unknown code", Code(len(codes)).String())
}

func TestLimitsAreThoseOfTheSpecification(t *testing.T) {
	spec := map[string]string{}
	for _, c := range rows(t, "15. Limits") {
		spec[c[0]] = c[1]
	}
	assert.Equal(t, MaxPayload, number(t, strings.TrimSuffix(spec["payload of a frame"], " bytes")))
	assert.Equal(t, MaxMeta, number(t, strings.TrimSuffix(spec["meta and peer of a stream together"], " bytes")))
	assert.Equal(t, MaxName, number(t, strings.TrimSuffix(spec["name of a method or topic"], " bytes")))
	assert.Equal(t, "4,096 bytes; 256 bytes", spec["error text; in RESET"])
	assert.Equal(t, []int{4096, 256}, []int{MaxErrorText, MaxResetText})
	assert.Equal(t, "4,096 names, 256 KiB", spec["dictionary of a direction"])
	assert.Equal(t, []int{4096, 256 << 10}, []int{MaxDictionary, MaxDictionaryBytes})
	assert.Equal(t, "128 KiB; 4 KiB", spec["handshake packet; hello"])
	assert.Equal(t, []int{128 << 10, 4 << 10}, []int{MaxHandshake, MaxHello})
	assert.Equal(t, 10<<20, MaxDecodablePacketLen)
}
