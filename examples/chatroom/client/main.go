// Command client takes part in a chat: with a screen of its own on a terminal,
// line by line in a script. It runs until it is told to quit, is interrupted,
// or, in a script, has said all that its standard input has.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/examples/internal/program"
)

type config struct {
	addr, nick, secret string
	rooms, logFile     string
	plain, stay        bool
	token              program.Token
	tls                program.ClientTLS
}

func main() {
	var cfg config
	program.Main(program.Command{
		Name: "client",
		About: "Takes part in a chat: with a screen of its own on a terminal, line by line in a\n" +
			"script. A script ends when all has been said that its standard input has.",
		Level: "warn",
		Flags: cfg.define,
		Run:   func(ctx context.Context, _ []string) error { return run(ctx, cfg) },
	})
}

func (cfg *config) define(flags *flag.FlagSet) {
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:1202", "`address` of the server")
	flags.StringVar(&cfg.nick, "nick", "", "`nickname`, up to 20 letters and digits; if empty, $USER")
	flags.StringVar(&cfg.secret, "secret", "", "`secret` with which a later client may take the nickname over at once; if empty, one is made up")
	flags.StringVar(&cfg.rooms, "room", "lobby", "`rooms` to join, separated by commas; the last one is shown")
	flags.BoolVar(&cfg.plain, "plain", false, "lines instead of a screen, on a terminal too")
	flags.BoolVar(&cfg.stay, "stay", false, "without a screen: go on printing when standard input has ended")
	flags.StringVar(&cfg.logFile, "log-file", "", "`file` for the log; if empty, standard error, and nowhere where there is a screen")
	cfg.token.Define(flags, "CHATROOM_TOKEN", "that the server asks for")
	cfg.tls.Define(flags)
}

func run(ctx context.Context, cfg config) error {
	if err := cfg.check(); err != nil {
		return program.Usage("%w", err)
	}
	screen := !cfg.plain && term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd())
	closeLog, err := openLog(cfg, screen)
	if err != nil {
		return fmt.Errorf("-log-file: %w", err)
	}
	defer closeLog()
	if screen {
		return runScreen(ctx, cfg)
	}
	return runLines(ctx, cfg, os.Stdin, os.Stdout)
}

// check completes what is missing and says what is wrong.
func (cfg *config) check() error {
	if cfg.nick == "" {
		cfg.nick = os.Getenv("USER")
	}
	if err := chat.CheckName("nickname", cfg.nick); err != nil {
		return fmt.Errorf("-nick: %w", err)
	}
	for _, room := range cfg.roomNames() {
		if err := chat.CheckName("room", room); err != nil {
			return fmt.Errorf("-room: %w", err)
		}
	}
	if cfg.secret == "" {
		cfg.secret = rand.Text()
	}
	return nil
}

// roomNames returns the rooms to join, at least one.
func (cfg *config) roomNames() []string {
	var names []string
	for _, name := range strings.Split(cfg.rooms, ",") {
		if name = chat.RoomName(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// openLog keeps the log away from the screen.
func openLog(cfg config, screen bool) (closeLog func(), err error) {
	switch {
	case cfg.logFile != "":
		f, err := os.OpenFile(cfg.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		log.SetOutput(f)
		return func() { log.SetOutput(os.Stderr); _ = f.Close() }, nil
	case screen:
		log.SetOutput(io.Discard)
	}
	return func() {}, nil
}
