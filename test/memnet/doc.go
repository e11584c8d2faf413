// Package memnet is a network in memory, for tests. Its connections are
// buffered like sockets, and can be told to misbehave: to hold back what was
// written, to deliver it late, to break.
//
// A connection blocks on condition variables and sets timers, nothing else, so
// it can be used in a bubble of testing/synctest. It owns no goroutine.
package memnet
