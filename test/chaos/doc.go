// Package chaos makes connections that misbehave as a script tells them to:
// they break at a byte or at a time, hold bytes back, swallow them, deliver
// them late, slowly or in crumbs. It is for tests of anything that speaks
// net.Conn.
//
// A [Script] is a list of steps, each with the bytes or the time it waits for
// and the [Fault] that it brings:
//
//	client, server := chaos.Pipe(
//		chaos.Step{Fault: chaos.Delay{Base: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}},
//		chaos.Step{Direction: chaos.Up, After: 4096, Fault: chaos.Reset{}},
//	)
//
// Up is what the client sends, Down what the server sends. The client is the
// side that dialled.
//
// Two carriers run scripts. [Pipe] and [NewListener] connect in memory; they
// block on nothing but condition variables and run on the clock of package
// time, so in a bubble of testing/synctest a fault comes at its exact time, and
// the same script gives the same run. [NewProxy] stands before a TCP server; to
// the wire of a script it adds the buffers of four sockets, and a connection that is
// reset at once may fail to be dialled.
//
// What happens to a connection beyond its script is done through its [Link]:
// Inject brings a fault now, Stats counts. [Random] writes scripts from a seed,
// [Cuts] those of connections that follow each other, and [Seed] prints a seed
// with how to repeat it. Scripts print as Go, so that one that a test printed can
// be pasted into it.
//
// # The wire
//
// Each direction is a queue (what Write took: Write waits while it is full), a
// wire and an inbox (what arrived and was not read). A step counts bytes where
// the wire ends: Reset after byte 4096 of a direction lets its reader have 4096
// bytes, whatever was written, and nothing else. Bytes keep their order under
// every fault, and none is ever altered.
package chaos
