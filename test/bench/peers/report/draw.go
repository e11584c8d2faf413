package report

import (
	"bytes"
	"image/color"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// In points: 600 are 800 pixels.
const (
	fullWidth  = 600
	margin     = 16
	gutter     = 24
	titleSpace = 30
	panelHead  = 34
	rowSpace   = 16
	barSpace   = 10
	panelFoot  = 10
	noteSpace  = 22
	valueSpace = 46 // behind the longest bar
	labelGap   = 6
)

// outlier is how many times the middle one a value is that is not drawn to
// scale, and room how much longer its bar is than the longest of the others.
const (
	outlier = 12
	room    = 1.5
)

var (
	accent  = rgb(0x0b6bcb)
	grey    = rgb(0xaab2bd)
	ink     = rgb(0x1f2328)
	faint   = rgb(0x656d76)
	outline = rgb(0x8b949e)
	rule    = rgb(0xd8dee4)
	pale    = rgb(0xf3f5f7)
)

func rgb(c uint32) color.Color {
	return color.NRGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 0xff}
}

// fonts has readers without the font see one of the same widths.
var fonts = strings.NewReplacer(
	"font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;",
)

// bar is one of a panel.
type bar struct {
	peer  string
	value float64
}

// bars are those of a panel, the best first.
func (p panel) bars(s series) []bar {
	var all []bar
	for _, f := range s.sorted(p.workload, p.metric) {
		if v := p.metric.of(f); known(v) && v >= 0 {
			all = append(all, bar{f.peer, v})
		}
	}
	return all
}

// longest is the value of a bar that has the whole width: the largest, unless
// that would leave nothing to be seen of the others.
func longest(bars []bar) float64 {
	v := make([]float64, len(bars))
	for i, b := range bars {
		v[i] = b.value
	}
	slices.Sort(v)
	last := len(v) - 1
	middle, most := v[len(v)/2], v[last]
	if middle == 0 || most <= outlier*middle {
		return most
	}
	for v[last] > outlier*middle {
		last--
	}
	return min(most, room*v[last])
}

// draw returns the chart as SVG, or nil if none of its panels has a bar.
func (c chart) draw(s series) ([]byte, error) {
	var panels []panel
	var bars [][]bar
	for _, p := range c.panels {
		if b := p.bars(s); len(b) > 0 {
			panels, bars = append(panels, p), append(bars, b)
		}
	}
	if len(panels) == 0 {
		return nil, nil
	}
	columns := min(c.columns, len(panels))
	var heights []vg.Length // of the lines of panels
	for i := range panels {
		if i%columns == 0 {
			heights = append(heights, 0)
		}
		line := &heights[len(heights)-1]
		*line = max(*line, panelHead+rowSpace*vg.Length(len(bars[i]))+panelFoot)
	}
	height := vg.Length(titleSpace + noteSpace)
	for _, h := range heights {
		height += h
	}

	svg := vgsvg.New(fullWidth, height)
	d := drawing{draw.New(svg)}
	d.rect(0, 0, fullWidth, height, color.White, rule)
	top := height - margin
	d.text(margin, top, c.title, style(13, true, ink))
	top = height - titleSpace
	width := (fullWidth - 2*margin - gutter*vg.Length(columns-1)) / vg.Length(columns)
	for i, p := range panels {
		left := margin + (width+gutter)*vg.Length(i%columns)
		d.panel(p, bars[i], left, top, width)
		if i%columns == columns-1 {
			top -= heights[i/columns]
		}
	}
	d.text(margin, noteSpace/2, note(bars), style(7.5, false, faint))

	var out bytes.Buffer
	if _, err := svg.WriteTo(&out); err != nil {
		return nil, err
	}
	return []byte(fonts.Replace(out.String())), nil
}

// note explains what is not plain in the panels.
func note(panels [][]bar) string {
	var limits, brokers, longer bool
	for _, bars := range panels {
		for _, b := range bars {
			limits = limits || kindOf(b.peer) == limit
			brokers = brokers || kindOf(b.peer) == broker
			longer = longer || b.value > longest(bars)
		}
	}
	var parts []string
	if limits {
		parts = append(parts, "outlined: a limit, not a library")
	}
	if brokers {
		parts = append(parts, "†: passes a broker")
	}
	if longer {
		parts = append(parts, "a bar with a gap is longer than drawn")
	}
	return strings.Join(parts, "   ·   ")
}

type drawing struct{ draw.Canvas }

func (d *drawing) panel(p panel, bars []bar, left, top, width vg.Length) {
	d.text(left, top-9, p.title, style(9.5, true, ink))
	d.text(left, top-21, p.metric.unit+", "+p.metric.better(), style(7.5, false, faint))
	top -= panelHead

	name := func(peer string) text.Style {
		if kindOf(peer) == us {
			return style(8.5, true, accent)
		}
		return style(8.5, false, ink)
	}
	var names vg.Length
	for _, b := range bars {
		names = max(names, name(b.peer).Width(shortLabel(b.peer)))
	}
	begin := left + names + labelGap
	most, space := longest(bars), width-names-labelGap-valueSpace
	for i, b := range bars {
		middle := top - rowSpace*vg.Length(i) - rowSpace/2
		sty := name(b.peer)
		sty.XAlign = draw.XRight
		d.text(begin-labelGap, middle, shortLabel(b.peer), sty)

		length := vg.Length(1) // of what is next to nothing
		if b.value > 0 {
			length = max(length, space*vg.Length(min(b.value/most, 1)))
		}
		d.bar(b.peer, begin, middle-barSpace/2, length, b.value > most)
		d.text(begin+length+4, middle, num(b.value), style(8.5, kindOf(b.peer) == us, name(b.peer).Color))
	}
}

func (d *drawing) bar(peer string, left, bottom, length vg.Length, longer bool) {
	fill, edge := grey, grey
	switch kindOf(peer) {
	case us:
		fill, edge = accent, accent
	case limit:
		fill, edge = pale, outline
	}
	d.rect(left, bottom, length, barSpace, fill, edge)
	if longer {
		at := left + length*0.85
		d.FillPolygon(color.White, []vg.Point{
			{X: at, Y: bottom - 1}, {X: at + 4, Y: bottom - 1}, {X: at + 8, Y: bottom + barSpace + 1}, {X: at + 4, Y: bottom + barSpace + 1},
		})
	}
}

func (d *drawing) rect(left, bottom, width, height vg.Length, fill, edge color.Color) {
	const line = 0.75
	corners := func(in vg.Length) []vg.Point {
		return []vg.Point{
			{X: left + in, Y: bottom + in}, {X: left + width - in, Y: bottom + in},
			{X: left + width - in, Y: bottom + height - in}, {X: left + in, Y: bottom + height - in},
		}
	}
	d.FillPolygon(fill, corners(0))
	if edge != fill && width > line && height > line {
		around := corners(line / 2)
		d.StrokeLines(draw.LineStyle{Color: edge, Width: line}, append(around, around[0], around[1]))
	}
}

// text writes s from left on, its height around middle.
func (d *drawing) text(left, middle vg.Length, s string, sty text.Style) {
	if s != "" {
		d.FillText(sty, vg.Point{X: left, Y: middle + sty.Font.Size/12}, s)
	}
}

func style(size vg.Length, bold bool, c color.Color) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
}

// shortLabel is what stands beside a bar.
func shortLabel(peer string) string {
	if kindOf(peer) == original {
		return "original release"
	}
	return label(peer)
}
