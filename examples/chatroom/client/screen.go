package main

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/bubbles/cursor"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
)

// screen is the chat on a terminal: who is here, what was said, how things
// are, and the line that is being typed. Only changed lines are drawn, so that
// nothing that arrives touches what is typed.
type screen struct {
	session *session
	jobs    chan job // lines on their way, in order
	rename  func(job)

	width, height int
	input         textinput.Model
	room          string // the one that is shown
	scrolls       map[string]*scroll
	seen          *chat.Seen
	link          linkState
	refused       error // why the server does not know us
	unsent        int   // jobs that are not done
	err           error // what ended it
}

// job is a line that was entered in a room.
type job struct{ room, line string }

// done is what became of a job.
type done struct {
	job
	result
	err error
}

// failed ends the program.
type failed struct{ err error }

// runScreen shows the chat until it is quit or ctx ends.
func runScreen(ctx context.Context, cfg config) error {
	// Who closes the window leaves in order, and the nickname is free at once.
	interrupted, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithCancel(interrupted)
	defer cancel()
	m := &screen{
		jobs:    make(chan job, 1000),
		input:   textinput.New(),
		scrolls: make(map[string]*scroll),
		seen:    chat.NewSeen(remembered),
		link:    linkState{true},
	}
	m.input.Prompt = "> "
	m.input.Placeholder = "say something, or /help"
	m.input.CharLimit = chat.MaxText / 4 // characters, of up to 4 bytes
	m.input.Cursor.SetMode(cursor.CursorStatic)
	m.input.Focus()
	p := tea.NewProgram(m, tea.WithAltScreen(), tea.WithoutSignalHandler())

	s, err := connect(ctx, cfg, func(update any) { p.Send(update) })
	if err != nil {
		if interrupted.Err() != nil {
			return nil
		}
		return err
	}
	defer s.close()
	m.session = s
	m.room = cfg.roomNames()[len(cfg.roomNames())-1]
	perform := func(j job) {
		res, err := s.do(ctx, j.room, j.line)
		p.Send(done{job: j, result: res, err: err})
	}
	m.rename = func(j job) { go perform(j) }
	go func() {
		for {
			select {
			case j := <-m.jobs:
				perform(j)
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		if err := s.run(ctx); err != nil {
			p.Send(failed{err})
		}
	}()
	defer context.AfterFunc(ctx, p.Quit)()
	if _, err := p.Run(); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return m.err
}

// Init does nothing.
func (m *screen) Init() tea.Cmd { return nil }

// Update takes in what happened.
func (m *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.input.Width = max(m.width-len(m.input.Prompt)-1, 1)
	case tea.KeyMsg:
		return m, m.key(msg)
	case linkState:
		m.link = msg
		if msg.connected {
			m.refused = nil
		}
	case refused:
		m.refused = msg.err
		m.notice(m.room, "the server says: "+msg.err.Error()+"; /nick NAME gives you another one")
	case chat.Event:
		m.event(msg)
	case done:
		m.done(msg)
		if msg.err == errQuit {
			return m, tea.Quit
		}
	case failed:
		m.err = msg.err
		return m, tea.Quit
	}
	return m, nil
}

func (m *screen) key(msg tea.KeyMsg) tea.Cmd {
	switch msg.Type {
	case tea.KeyCtrlC, tea.KeyCtrlD:
		return tea.Quit
	case tea.KeyEnter:
		return m.enter(m.input.Value())
	case tea.KeyTab, tea.KeyShiftTab:
		step := 1
		if msg.Type == tea.KeyShiftTab {
			step = -1
		}
		if _, rooms := m.session.who(); len(rooms) > 0 {
			i := slices.Index(rooms, m.room)
			m.show(rooms[(i+step+len(rooms))%len(rooms)])
		}
	case tea.KeyPgUp:
		m.scroll(m.room).move(m.page())
	case tea.KeyPgDown:
		m.scroll(m.room).move(-m.page())
	default:
		var cmd tea.Cmd
		m.input, cmd = m.input.Update(msg)
		return cmd
	}
	return nil
}

// enter takes a line: it is done behind the screen, which goes on meanwhile.
func (m *screen) enter(line string) tea.Cmd {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	j := job{room: m.room, line: line}
	switch command, _, _ := strings.Cut(strings.TrimSpace(line), " "); command {
	case "/nick":
		// Not behind lines that the server takes under the new name alone.
		m.rename(j)
	case "/quit":
		if m.unsent == 0 {
			return tea.Quit
		}
		m.notice(m.room, "ends when everything is sent; Ctrl-C ends at once")
		fallthrough
	default:
		select {
		case m.jobs <- j:
		default:
			m.notice(m.room, "too much is unsent; wait until there is a connection")
			return nil
		}
	}
	m.unsent++
	m.input.Reset()
	if room := joining(line); room != "" {
		m.show(room) // at once: the next line is for there
	}
	return nil
}

// joining returns the room to which a line goes, if it goes to one.
func joining(line string) string {
	command, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	if room := chat.RoomName(argument); command == "/join" && chat.CheckName("room", room) == nil {
		return room
	}
	return ""
}

func (m *screen) done(d done) {
	m.unsent--
	if d.err != nil && d.err != errQuit {
		if room := joining(d.line); room != "" && room == m.room {
			m.show(d.room) // it is not in there
		}
		m.notice(d.room, d.line+": "+d.err.Error())
		return
	}
	if d.left != "" {
		delete(m.scrolls, d.left)
		if m.room == d.left {
			m.show(d.next)
		}
	}
	if d.text != "" {
		m.notice(m.room, d.text)
	}
}

// event shows what happened in a room.
func (m *screen) event(event chat.Event) {
	_, rooms := m.session.who()
	if event.Kind != chat.Welcome && !slices.Contains(rooms, event.Room) {
		return // left meanwhile
	}
	s := m.scroll(event.Room)
	for _, e := range entries(event, m.seen) {
		s.add(e)
		if event.Room != m.room && e.nick != "" {
			s.unread++
		}
	}
}

// notice shows something that only this client knows.
func (m *screen) notice(room, text string) {
	for _, line := range strings.Split(text, "\n") {
		m.scroll(room).add(entry{at: time.Now(), body: chat.Clean(line)})
	}
}

// show goes to a room.
func (m *screen) show(room string) {
	m.room = room
	m.scroll(room).unread = 0
}

func (m *screen) scroll(room string) *scroll {
	s := m.scrolls[room]
	if s == nil {
		s = &scroll{}
		m.scrolls[room] = s
	}
	return s
}

// page is how many lines there are for what was said.
func (m *screen) page() int { return max(m.height-3, 0) }
