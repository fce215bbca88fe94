package learn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLeastRank(t *testing.T) {
	tests := []struct {
		n        uint64
		quantile float64
		sure     float64
		want     uint64
	}{
		// The first numbers of values that are enough are those of the textbooks.
		{4, 0.5, 0.95, 0}, {5, 0.5, 0.95, 5}, {8, 0.5, 0.95, 7}, {20, 0.5, 0.95, 15}, {100, 0.5, 0.95, 59},
		{28, 0.9, 0.95, 0}, {29, 0.9, 0.95, 29}, {58, 0.95, 0.95, 0}, {59, 0.95, 0.95, 59},
		{298, 0.99, 0.95, 0}, {299, 0.99, 0.95, 299}, {6, 0.5, 0.99, 0}, {7, 0.5, 0.99, 7},
		{0, 0.5, 0.95, 0}, {1, 0.5, 0.4, 1},
		// So many that the normal distribution stands in: near enough.
		{10_000, 0.5, 0.95, 5083}, {1_000_000, 0.5, 0.95, 500_824}, {1_000_000, 0.9, 0.95, 900_495},
	}
	for _, tt := range tests {
		if got := leastRank(tt.n, tt.quantile, tt.sure); got != tt.want {
			t.Errorf("%d values, quantile %v, %v sure: got %d, want %d", tt.n, tt.quantile, tt.sure, got, tt.want)
		}
	}
	if a, b := leastRank(10_000, 0.5, 0.95), leastRank(10_001, 0.5, 0.95); b < a || b > a+2 {
		t.Errorf("%d, and with one value more %d", a, b)
	}
	for _, q := range []float64{0.5, 0.8, 0.9, 0.95, 0.99} {
		for _, sure := range []float64{0.9, 0.95, 0.99} {
			n := fewest(q, sure)
			if leastRank(n, q, sure) != n || leastRank(n-1, q, sure) != 0 {
				t.Errorf("quantile %v, %v sure: %d are not the fewest", q, sure, n)
			}
		}
	}
}

// What leastRank promises is tried on values of a distribution with a long tail.
func TestLeastRankIsAsSureAsItSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, n := range []uint64{5, 9, 30, 200} {
		const tries = 4000
		above := 0
		for range tries {
			values := make([]float64, n)
			for i := range values {
				values[i] = math.Exp(2 * random.NormFloat64()) // its median is 1
			}
			slices.Sort(values)
			if values[leastRank(n, 0.5, 0.95)-1] >= 1 {
				above++
			}
		}
		if share := float64(above) / tries; share < 0.94 {
			t.Errorf("%d values: only %v of the bounds hold", n, share)
		}
	}
}

func TestWilsonAndLeastRate(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.003*max(1, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	_, high := wilson(0, 100, 0.975)
	near("0 of 100", high, 0.0370)
	low, high := wilson(10, 100, 0.975)
	near("10 of 100", low, 0.0552)
	near("10 of 100", high, 0.1744)
	low, high = wilson(0, 0, 0.975)
	near("nothing", low, 0)
	near("nothing", high, 1)
	// The exact bounds by the chi-square distribution.
	near("10 events", leastRate(10, 0.95), 5.4254)
	near("100 events", leastRate(100, 0.95), 84.139)
	near("5 events", leastRate(5, 0.95), 1.9701)
	near("no event", leastRate(0, 0.95), 0)
}
