package main

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

var (
	dim    = lipgloss.NewStyle().Faint(true)
	bar    = lipgloss.NewStyle().Reverse(true)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Color("1")).Bold(true)
	strong = lipgloss.NewStyle().Bold(true)
)

// View draws the screen: as many lines as it has, none longer than it is wide.
func (m *screen) View() string {
	if m.width == 0 || m.height == 0 {
		return "" // the size is not known yet
	}
	lines := []string{m.header()}
	body := m.scroll(m.room).last(m.width, m.page())
	for range m.page() - len(body) {
		lines = append(lines, "")
	}
	lines = append(lines, body...)
	lines = append(lines, m.status(), m.input.View())
	if len(lines) > m.height {
		lines = lines[len(lines)-m.height:]
	}
	return strings.Join(lines, "\n")
}

func (m *screen) header() string {
	text := " no room: /join one"
	if m.room != "" {
		here := m.session.roster(m.room)
		text = fmt.Sprintf(" #%s · %d here: %s", m.room, len(here), strings.Join(here, ", "))
	}
	text = ansi.Truncate(text, m.width, "…")
	return bar.Render(text + strings.Repeat(" ", max(m.width-ansi.StringWidth(text), 0)))
}

// status says how the connection is, who we are, what waits to be sent, what
// is new elsewhere.
func (m *screen) status() string {
	nick, rooms := m.session.who()
	link := good.Render("● " + m.link.String())
	switch {
	case m.refused != nil:
		link = bad.Render("○ not known to the server")
	case !m.link.connected:
		link = bad.Render("○ " + m.link.String())
	}
	parts := []string{link, nick}
	if m.unsent > 0 {
		parts = append(parts, strong.Render(strconv.Itoa(m.unsent)+" unsent"))
	}
	if n := m.scroll(m.room).up; n > 0 {
		parts = append(parts, strong.Render(strconv.Itoa(n)+" lines below"))
	}
	for _, room := range rooms {
		if n := m.scroll(room).unread; n > 0 && room != m.room {
			parts = append(parts, strong.Render(fmt.Sprintf("#%s %d new", room, n)))
		}
	}
	return ansi.Truncate(strings.Join(parts, " · "), m.width, "…")
}

// colour returns a style for a nickname, always the same.
func colour(nick string) lipgloss.Style {
	h := fnv.New32a()
	_, _ = h.Write([]byte(nick))
	return lipgloss.NewStyle().Foreground(lipgloss.Color(strconv.Itoa(1 + int(h.Sum32()%6)))).Bold(true)
}

// lines returns an entry as lines of that width.
func (e entry) lines(width int) []string {
	at := e.at.Local().Format("15:04")
	lines := strings.Split(ansi.Wrap(at+" "+e.text(), width, ""), "\n")
	for i, line := range lines {
		switch rest, ok := strings.CutPrefix(line, at+" "+e.nick+": "); {
		case e.nick == "":
			lines[i] = dim.Render(line)
		case i == 0 && ok:
			lines[i] = dim.Render(at) + " " + colour(e.nick).Render(e.nick) + ": " + rest
		}
	}
	return lines
}
