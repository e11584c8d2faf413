//go:build !race

package chatroom

// raceFlag has the programs built as the tests are.
const raceFlag = "-race=false"
