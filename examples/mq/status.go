package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// runStatus prints what the broker has.
func runStatus(ctx context.Context, flags *flag.FlagSet, args []string) error {
	var p peer
	p.define(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	if err := p.parse(args); err != nil {
		return err
	}
	end, err := p.connect()
	if err != nil {
		return err
	}
	defer end.Close()
	rsp, err := end.Call(ctx, proto.MethodStatus, end.NewRequest(nil))
	if err != nil {
		return err
	}
	if *asJSON {
		fmt.Printf("%s\n", rsp.Data())
		return nil
	}
	var topics []proto.Topic
	if err := json.Unmarshal(rsp.Data(), &topics); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tKEPT\tBYTES\tNEXT\tGROUP\tMEMBERS\tCOMMITTED\tOPEN\tREDELIVERED")
	for _, t := range topics {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t\t\t\t\t\n", t.Name, t.Next-t.First, t.Bytes, t.Next)
		for _, g := range t.Groups {
			fmt.Fprintf(w, "\t\t\t\t%s\t%d\t%d\t%d\t%d\n", g.Name, g.Members, g.Committed, g.Open, g.Redelivered)
		}
	}
	return w.Flush()
}
