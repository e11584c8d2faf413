package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// status is what the flags say that ask a broker how it does.
type status struct {
	broker remote
	json   bool
}

func statusCommand() program.Command {
	var s status
	return program.Command{
		Name:  "status",
		About: "Prints the topics of a broker and their groups.",
		Level: "warn",
		Flags: s.define,
		Run:   s.run,
	}
}

func (s *status) define(flags *flag.FlagSet) {
	s.broker.define(flags)
	flags.BoolVar(&s.json, "json", false, "print JSON")
}

func (s *status) run(ctx context.Context, _ []string) error {
	end, err := s.broker.connect(ctx)
	if err != nil {
		return err
	}
	defer end.Close()
	rsp, err := end.Call(ctx, proto.MethodStatus, end.NewRequest(nil))
	if err != nil {
		return err
	}
	if s.json {
		_, err := fmt.Printf("%s\n", rsp.Data())
		return err
	}
	var topics []proto.Topic
	if err := json.Unmarshal(rsp.Data(), &topics); err != nil {
		return err
	}
	return printTopics(os.Stdout, topics)
}

// printTopics prints a line for each topic, and one for each of its groups.
func printTopics(out io.Writer, topics []proto.Topic) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tKEPT\tBYTES\tNEXT\tGROUP\tMEMBERS\tCOMMITTED\tOPEN\tREDELIVERED")
	for _, t := range topics {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d", t.Name, t.Next-t.First, t.Bytes, t.Next)
		for i, g := range t.Groups {
			if i > 0 {
				fmt.Fprint(w, "\n\t\t\t")
			}
			fmt.Fprintf(w, "\t%s\t%d\t%d\t%d\t%d", g.Name, g.Members, g.Committed, g.Open, g.Redelivered)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
