// Command cmd writes docs/performance.md and its charts from the results of a
// comparison.
//
//	go run ./report/cmd -results results.json -docs ../../../docs
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/singchia/geminio/test/bench/peers/report"
	"github.com/singchia/geminio/test/bench/peers/results"
)

func main() {
	file := flag.String("results", "results.json", "the `file` that the comparison wrote")
	docs := flag.String("docs", "../../../docs", "the `directory` to write into")
	flag.Parse()
	if err := run(*file, *docs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file, docs string) error {
	r, err := results.Read(file)
	if err != nil {
		return err
	}
	return report.Write(r, docs)
}
