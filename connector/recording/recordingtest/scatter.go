package recordingtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Scatter writes spans to files, one a line, each late by a random time below the grace.
func Scatter(t testing.TB, spans []Span, grace time.Duration, files int, seed uint64) []string {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 5))
	type arrival struct {
		at   time.Duration
		line []byte
	}
	lines := make([][]arrival, files)
	for _, s := range spans {
		f := random.IntN(files)
		lines[f] = append(lines[f], arrival{s.End + time.Duration(random.Int64N(int64(grace))), Line(t, s)})
	}
	var names []string
	for f := range lines {
		slices.SortStableFunc(lines[f], func(a, b arrival) int { return int(a.at - b.at) })
		var all [][]byte
		for _, a := range lines[f] {
			all = append(all, a.line)
		}
		names = append(names, File(t, fmt.Sprint(f), all...))
	}
	return names
}
