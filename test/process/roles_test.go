package process

import (
	"fmt"
	"time"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

// What the children print beside what their service and their witness tell.
const (
	listening = "listening on " // with the address
	working   = "working"       // the client's workload has gone on
	failure   = "failed: "      // with the error that ended it
)

// clientID is what the client wants to be.
const clientID = 42

func tell(text string) { fmt.Println(text) }

// runServer serves whoever comes to addr.
func runServer(addr string) error {
	s := newService(tell)
	ln, err := listen(addr, s, nil)
	if err != nil {
		return err
	}
	tell(listening + ln.Addr().String())
	for {
		end, err := ln.AcceptEnd()
		if err != nil {
			return err
		}
		if err := s.serve(end); err != nil {
			tell(failure + err.Error())
		}
	}
}

// listen listens for the Ends of s. An address that is not free yet is waited
// for.
func listen(addr string, s *service, more *server.EndOptions) (ln server.Listener, err error) {
	opts := server.NewEndOptions()
	opts.SetLog(quiet())
	opts.SetDelegate(&witness{tell: s.tell})
	opts.SetRegisterLocalRPCs(s.methods()...)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		if ln, err = server.Listen("tcp", addr, opts, more); err == nil || time.Since(begin) > patience {
			return ln, err
		}
	}
}

// runClient is a client that works, and serves what the server asks of it.
func runClient(addr string) error {
	s := newService(tell)
	opts := client.NewEndOptions()
	opts.SetLog(quiet())
	opts.SetDelegate(&witness{tell: tell})
	opts.SetClientID(clientID)
	opts.SetRegisterLocalRPCs(s.methods()...)
	end, err := client.NewRetryEnd("tcp", addr, opts)
	if err != nil {
		return err
	}
	if err := s.serve(end); err != nil {
		return err
	}
	w := work(end)
	for w.more(20) {
		tell(working)
	}
	tell(failure + w.stop().Error())
	return nil
}
