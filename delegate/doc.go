// Package delegate holds the callbacks by which an End asks and tells the
// program that owns it.
//
// A callback may block, may take locks of its own and may use every End, also
// the one it is told of; a panic in it is caught and logged. Callbacks of one
// stream run one after the other. Those of different streams and Ends run side
// by side, so an implementation must expect concurrent calls.
package delegate
