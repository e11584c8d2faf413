package chatroom

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

// evil would clear a terminal, ring its bell, set its title and write
// backwards.
const evil = "\x1b[2J\x1b]0;owned\x07\u009b2J\r\n\u202eab\xff"

func assertHarmless(t *testing.T, text string) {
	t.Helper()
	for _, r := range strings.ReplaceAll(text, "\n", "") {
		assert.False(t, r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e', "%q", text)
	}
}

// A client of another make says what ours never would.
func TestWhatAClientSaysCommandsNobodysTerminal(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, "-keep", "0")
	bob := join(t, addr, "bob")
	end, err := client.NewEnd("tcp", addr)
	require.NoError(t, err)
	defer end.Close()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	present := func(data []byte) error {
		_, err := end.Call(ctx, chat.MethodPresent, end.NewRequest(data))
		return err
	}
	var refused *geminio.RemoteError
	for _, p := range []chat.Presence{
		{Nick: "mallory" + evil}, {Nick: ""}, {Nick: "mallory", Rooms: []string{evil}}, {Nick: "mallory", Rooms: make([]string, 100)},
		{Nick: strings.Repeat("m", 10_000)}, {Nick: "bob"},
	} {
		require.ErrorAs(t, present(chat.Encode(p)), &refused, p)
	}
	require.ErrorAs(t, present([]byte("{")), &refused)
	require.NoError(t, present(chat.Encode(chat.Presence{Nick: "mallory", Rooms: []string{"lobby"}})))

	say := func(room, id, text string) error {
		opts := options.NewMessage()
		opts.SetTopic(room)
		opts.SetCustom([]byte(id))
		return end.Publish(ctx, end.NewMessage([]byte(text), opts))
	}
	require.ErrorAs(t, say("lobby", "1", strings.Repeat("x", chat.MaxText+1)), &refused)
	require.ErrorAs(t, say("lobby", "", "no id"), &refused)
	require.ErrorAs(t, say("lobby", "1", "\x07\u202e \xff"), &refused)
	require.ErrorAs(t, say("elsewhere", "1", "hello"), &refused)
	require.NoError(t, say("lobby", "1", evil+"mallory was here"))
	require.NoError(t, say("lobby", "1", "the same once more"), "though nothing is kept")
	require.NoError(t, say("lobby", "2", strings.Repeat("界", chat.MaxText/3)))
	require.NoError(t, say("lobby", "3", "that was all"))
	text := bob.stdout.has(t, "mallory was here", "界界", "mallory: that was all\n")
	assertHarmless(t, text)

	var ids []string // of what came to the one who said it
	for len(ids) == 0 || ids[len(ids)-1] != "3" {
		msg, err := end.Receive(ctx)
		require.NoError(t, err)
		var event chat.Event
		require.NoError(t, json.Unmarshal(msg.Data(), &event))
		if event.Message != nil {
			ids = append(ids, event.Message.ID)
		}
	}
	assert.Equal(t, []string{"1", "2", "3"}, ids)
}

// evilServer answers what it is asked with escapes.
type evilServer struct {
	*delegate.UnimplementedDelegate
	refuse bool
}

func (e *evilServer) GetClientID(uint64, []byte) (uint64, error) {
	if e.refuse {
		return 0, errors.New(evil)
	}
	return 0, nil
}

func TestWhatAServerSaysCommandsNoTerminal(t *testing.T) {
	t.Parallel()
	listen := func(e *evilServer) server.Listener {
		opts := server.NewEndOptions()
		opts.SetDelegate(e)
		ln, err := server.Listen("tcp", "127.0.0.1:0", opts)
		require.NoError(t, err)
		t.Cleanup(func() { ln.Close() })
		return ln
	}
	refusing := listen(&evilServer{refuse: true})
	p := run(t, "client", "-addr", refusing.Addr().String(), "-nick", "alice")
	p.exit(t, 1)
	assertHarmless(t, p.stderr.has(t, "client: connect to ", "owned"))

	ln := listen(&evilServer{})
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	serving.Add(1)
	go func() {
		defer serving.Done()
		for {
			end, err := ln.AcceptEnd()
			if err != nil {
				return
			}
			serving.Add(1)
			go func() {
				defer serving.Done()
				beEvil(t.Context(), end)
			}()
		}
	}()
	context.AfterFunc(t.Context(), func() { ln.Close() })
	addr := ln.Addr().String()
	p = join(t, addr, "alice")
	p.say(t, "/who")
	p.say(t, "/rooms")
	p.stdout.has(t, "* here: ", "* rooms: ", "joined")
	p.say(t, "hello")
	p.exit(t, 1)
	text, _ := p.stdout.get()
	assertHarmless(t, text)
	assertHarmless(t, p.stderr.has(t, "client: line 3: ", "owned"))

	alice := sit(t, addr, "alice")
	alice.screen.has(t, "> say something", "joined")
	alice.keys(t, "hello\r")
	assertHarmless(t, alice.screen.has(t, "● connected · alice", "* hello: [2J ]0;owned"))
}

// beEvil says what no server should, until ctx ends.
func beEvil(ctx context.Context, end geminio.End) {
	defer end.Close()
	say := func(e chat.Event) {
		_ = end.Publish(ctx, end.NewMessage(chat.Encode(e)))
	}
	_ = end.Register(ctx, chat.MethodRooms, func(_ context.Context, _ geminio.Request, rsp geminio.Response) {
		rsp.SetData(chat.Encode([]chat.Room{{Name: evil}}))
	})
	presented := make(chan struct{})
	_ = end.Register(ctx, chat.MethodPresent, func(context.Context, geminio.Request, geminio.Response) { close(presented) })
	select {
	case <-presented:
	case <-ctx.Done():
		return
	}
	message := chat.Message{ID: "1", Nick: evil, Text: evil}
	say(chat.Event{Kind: chat.Welcome, Room: "lobby", At: time.Now(), Members: []chat.Member{{Nick: evil}}, History: []chat.Message{message}})
	message.ID = "2"
	say(chat.Event{Kind: chat.Said, Room: "lobby", Message: &message})
	say(chat.Event{Kind: chat.Joined, Room: "lobby" + evil, Nick: evil})
	say(chat.Event{Kind: chat.Renamed, Room: "lobby", Nick: evil, Was: evil})
	say(chat.Event{Kind: chat.Joined, Room: "lobby", Nick: evil})
	for {
		msg, err := end.Receive(ctx)
		if err != nil {
			return
		}
		_ = msg.Error(errors.New(evil))
	}
}
