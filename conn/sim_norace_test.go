//go:build !race

package conn

// simSeeds is how many seeds a test run goes through.
const simSeeds = 2000
