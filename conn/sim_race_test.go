//go:build race

package conn

// simSeeds is how many seeds a test run goes through; more where the race
// detector does not slow it down.
const simSeeds = 200
