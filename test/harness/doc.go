// Package harness is what the tests from outside share: pairs of Ends over
// every kind of connection, a recorder of callbacks, a peer that sends frames
// as a test tells it to.
package harness
