// Command scale measures what a connection and a stream cost while they are
// idle, and shows that it does not depend on how many there are. Client and
// server are processes of their own. With -cores it shows what a second core
// brings, with -locks who waits for which lock.
//
//	go run ./test/bench/cmd/scale -n 100,1000,10000
//	go run ./test/bench/cmd/scale -cores
//	go run ./test/bench/cmd/scale -locks
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	if o := orderOfParent(); o != nil {
		if err := o.obey(); err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
		return
	}
	var (
		sizes = flag.String("n", "100,1000,10000", "how many connections, and streams, in turn")
		cores = flag.Bool("cores", false, "measure throughput with GOMAXPROCS 1 and 2 instead")
		locks = flag.Bool("locks", false, "measure the waits for locks instead")
		span  = flag.Duration("d", 500*time.Millisecond, "how long each measurement of -cores and -locks takes, about")
	)
	flag.Parse()
	if err := run(os.Stdout, *sizes, *cores, *locks, *span); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, sizes string, cores, locks bool, span time.Duration) error {
	if span <= 0 {
		return errors.New("no time to measure")
	}
	fmt.Fprintf(out, "%s %s/%s, %d processors\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	switch {
	case cores:
		return printCores(out, span)
	case locks:
		return printLocks(out, span)
	}
	ns, err := parseSizes(sizes)
	if err != nil {
		return err
	}
	return printIdle(out, ns)
}

func parseSizes(list string) (ns []int, err error) {
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of connections", s)
		}
		ns = append(ns, n)
	}
	return ns, nil
}
