// Package load has the workloads of the comparison. Each drives a peer.Peer
// for a given time, knows no library, and returns a sample.
package load
