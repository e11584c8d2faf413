package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/traversal/internal/offer"
)

// errRefused is all that a stranger is told.
var errRefused = errors.New("agent unknown, or its token is wrong")

// credentials say who may connect.
type credentials struct {
	tokens       map[string][sha256.Size]byte // by agent; nil: no token is asked for
	certificates bool                         // each agent must have one of its name
}

// loadCredentials reads the file of tokens, if there is one.
func loadCredentials(file string, certificates bool) (credentials, error) {
	c := credentials{certificates: certificates}
	if file == "" {
		if !certificates {
			return c, program.Usage("nobody may connect: -tokens, or -client-ca, says who")
		}
		return c, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	c.tokens = make(map[string][sha256.Size]byte)
	for i, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return c, fmt.Errorf("%s:%d: not \"agent token\"", file, i+1)
		}
		if err := offer.CheckName(fields[0]); err != nil {
			return c, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		if _, twice := c.tokens[fields[0]]; twice {
			return c, fmt.Errorf("%s:%d: agent %s is there twice", file, i+1, fields[0])
		}
		c.tokens[fields[0]] = sha256.Sum256([]byte(fields[1]))
	}
	return c, nil
}

// checkToken takes the same time whatever is wrong.
func (c credentials) checkToken(hello offer.Hello) error {
	if c.tokens == nil {
		return nil
	}
	want, known := c.tokens[hello.Agent]
	got := sha256.Sum256([]byte(hello.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !known {
		return errRefused
	}
	return nil
}

// checkCertificate tells whether a verified certificate is that of the agent.
func (c credentials) checkCertificate(hello offer.Hello, cert *x509.Certificate) error {
	if cert.Subject.CommonName != hello.Agent && !slices.Contains(cert.DNSNames, hello.Agent) {
		return fmt.Errorf("the certificate is not that of agent %s", hello.Agent)
	}
	return nil
}
