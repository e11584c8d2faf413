// Command client takes part in a chat: with a screen of its own on a terminal,
// line by line in a script. It runs until it is told to quit, is interrupted,
// or, in a script, has said all that its standard input has.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/examples/chatroom/internal/program"
)

type config struct {
	addr, ca, token string
	tls             bool
	nick, secret    string
	rooms           string
	plain, stay     bool
	logFile, pprof  string
	verbose         bool
}

func main() {
	var cfg config
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:1202", "`address` of the server")
	flag.BoolVar(&cfg.tls, "tls", false, "use TLS")
	flag.StringVar(&cfg.ca, "ca", "", "`file` with the certificates that vouch for the server, PEM; empty takes the system's")
	flag.StringVar(&cfg.token, "token", "", "`token` that the server asks for; empty takes $CHATROOM_TOKEN")
	flag.StringVar(&cfg.nick, "nick", "", "`nickname`, up to 20 letters and digits; empty takes $USER")
	flag.StringVar(&cfg.secret, "secret", "", "`secret` with which a later client may take the nickname over at once; empty makes one up")
	flag.StringVar(&cfg.rooms, "room", "lobby", "`rooms` to join, separated by commas")
	flag.BoolVar(&cfg.plain, "plain", false, "lines instead of a screen, on a terminal too")
	flag.BoolVar(&cfg.stay, "stay", false, "without a screen: go on printing when standard input has ended")
	flag.StringVar(&cfg.logFile, "log", "", "`file` for the log; empty is standard error, and nowhere where there is a screen")
	flag.StringVar(&cfg.pprof, "pprof", "", "`address` of a page with profiles (net/http/pprof); empty for none")
	flag.BoolVar(&cfg.verbose, "v", false, "log what the library does too")
	flag.Parse()
	program.Main("chatroom client", func(ctx context.Context) error { return run(ctx, cfg) })
}

func run(ctx context.Context, cfg config) error {
	if err := cfg.check(); err != nil {
		return program.UsageError{Err: err}
	}
	screen := !cfg.plain && term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd())
	closeLog, err := openLog(cfg, screen)
	if err != nil {
		return err
	}
	defer closeLog()
	if err := program.ServePprof(cfg.pprof); err != nil {
		return err
	}
	if screen {
		return runScreen(ctx, cfg)
	}
	return runLines(ctx, cfg, os.Stdin, os.Stdout)
}

// check completes what is missing and says what is wrong.
func (cfg *config) check() error {
	if cfg.token == "" {
		cfg.token = os.Getenv("CHATROOM_TOKEN")
	}
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
	if cfg.ca != "" && !cfg.tls {
		return errors.New("-ca is for -tls")
	}
	if cfg.secret == "" {
		cfg.secret = rand.Text()
	}
	return nil
}

func (cfg *config) roomNames() []string {
	var names []string
	for _, name := range strings.Split(cfg.rooms, ",") {
		names = append(names, chat.RoomName(name))
	}
	return names
}

// openLog keeps the log away from the screen.
func openLog(cfg config, screen bool) (closeLog func(), err error) {
	log.SetLevel(log.LevelWarn)
	if cfg.verbose {
		log.SetLevel(log.LevelDebug)
	}
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
	default:
		log.SetOutput(os.Stderr)
	}
	return func() {}, nil
}
