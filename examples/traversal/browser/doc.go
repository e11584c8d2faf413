// Package browser has the tests of the tunnel's status page in a real browser.
// They are a module of their own so that what drives the browser stays out of
// the library's.
package browser
