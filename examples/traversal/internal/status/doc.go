// Package status shows a tunnel on a web page: who offers what to whom, and
// how much goes through it now.
//
// [Handler] serves a page that is complete without script and keeps itself up
// to date with it, and the same figures as JSON for programs. It loads nothing
// from anywhere else. It judges no user: whoever may reach it sees everything,
// so it belongs on an address that only operators reach.
package status
