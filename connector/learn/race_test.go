//go:build race

package learn

// underRace says that the race detector makes everything take ten times as long.
const underRace = true
