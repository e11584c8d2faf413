package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
)

// errQuit is what /quit returns.
var errQuit = errors.New("quit")

const help = `/join ROOM   go to a room, a new one if need be
/leave       leave this room
/rooms       list the rooms
/who         who is here
/nick NAME   be called otherwise
/quit        end
//TEXT       say /TEXT
On a screen, Tab goes to the next room, PgUp and PgDn scroll`

// result is what a line led to.
type result struct {
	left string // the room that was left, if one was
	next string // the room to go to, empty for none
	text string // what to show
}

// do does what a line says, in room: a command, or something to be said. It
// returns when the server has agreed.
func (s *session) do(ctx context.Context, room, line string) (result, error) {
	command, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	argument = strings.TrimSpace(argument)
	switch {
	case command == "":
		return result{}, nil
	case !strings.HasPrefix(command, "/"):
		return result{}, s.sayIn(ctx, room, line)
	case strings.HasPrefix(command, "//"):
		return result{}, s.sayIn(ctx, room, strings.TrimSpace(line)[1:])
	}
	switch command {
	case "/join":
		return s.join(ctx, argument)
	case "/leave":
		return s.leave(ctx, room)
	case "/nick":
		return result{}, s.rename(ctx, argument)
	case "/who":
		return result{text: "here: " + strings.Join(s.roster(room), ", ")}, nil
	case "/rooms":
		rooms, err := s.list(ctx)
		var names []string
		for _, r := range rooms {
			names = append(names, fmt.Sprintf("#%s (%d)", r.Name, r.Members))
		}
		return result{text: "rooms: " + strings.Join(names, ", ")}, err
	case "/help":
		return result{text: help}, nil
	case "/quit":
		return result{}, errQuit
	}
	return result{}, fmt.Errorf("no command %s; /help lists them", command)
}

func (s *session) sayIn(ctx context.Context, room, text string) error {
	if room == "" {
		return errors.New("you are in no room; /join one")
	}
	return s.say(ctx, room, text)
}

func (s *session) join(ctx context.Context, name string) (result, error) {
	name = chat.RoomName(name)
	if err := chat.CheckName("room", name); err != nil {
		return result{}, err
	}
	return result{next: name}, s.change(ctx, func(p *chat.Presence) {
		if !slices.Contains(p.Rooms, name) {
			p.Rooms = append(p.Rooms, name)
		}
	})
}

// leave leaves a room and goes to the one joined before it.
func (s *session) leave(ctx context.Context, room string) (result, error) {
	if room == "" {
		return result{}, errors.New("you are in no room")
	}
	err := s.change(ctx, func(p *chat.Presence) {
		p.Rooms = slices.DeleteFunc(p.Rooms, func(name string) bool { return name == room })
	})
	if err != nil {
		return result{}, err
	}
	then := result{left: room, text: "you left #" + room}
	if _, rooms := s.who(); len(rooms) > 0 {
		then.next = rooms[len(rooms)-1]
	}
	return then, nil
}

func (s *session) rename(ctx context.Context, nick string) error {
	if err := chat.CheckName("nickname", nick); err != nil {
		return err
	}
	return s.change(ctx, func(p *chat.Presence) { p.Nick = nick })
}
