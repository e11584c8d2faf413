package program

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// Token is a secret that the flags say, or a variable of the environment.
type Token struct {
	text, file, variable string
}

// Define defines -token and -token-file; what they are for is said by about,
// as "that clients must show; if there is none, everybody may connect". The
// variable is read if both are empty.
func (t *Token) Define(flags *flag.FlagSet, variable, about string) {
	t.variable = variable
	flags.StringVar(&t.text, "token", "", "`secret` "+about+". Others on this machine can read it from a command line: -token-file and $"+variable+" hide it")
	flags.StringVar(&t.file, "token-file", "", "`file` with the secret; if both are empty, $"+variable+" has it")
}

// Value returns the token, and nothing if there is none.
func (t *Token) Value() (string, error) {
	switch {
	case t.text != "" && t.file != "":
		return "", Usage("-token or -token-file, not both")
	case t.text != "":
		return t.text, nil
	case t.file == "":
		return os.Getenv(t.variable), nil
	}
	data, err := os.ReadFile(t.file)
	if err != nil {
		return "", fmt.Errorf("-token-file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("-token-file: nothing in %s", t.file)
	}
	return token, nil
}
