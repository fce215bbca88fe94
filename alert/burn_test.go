package alert

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// midnight is a multiple of every period in these tests but 7m.
var midnight = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

// timedCall is one call: when it ended and how.
type timedCall struct {
	at  time.Time
	bad bool
}

// plainRatio is what a Prometheus recording rule gives at to for the window that
// begins at from: the bad calls in (from, to] divided by the calls in it, each of
// them looked at; 0 if there is none.
func plainRatio(calls []timedCall, from, to time.Time) float64 {
	var bad, total int
	for _, c := range calls {
		if !c.at.After(from) || c.at.After(to) {
			continue
		}
		total++
		if c.bad {
			bad++
		}
	}
	if total == 0 {
		return 0
	}
	return float64(bad) / float64(total)
}

// plainRates are the burn rates from plain ratios.
func plainRates(calls []timedCall, to time.Time, budget float64) engine.BurnRates {
	rate := func(w time.Duration) float64 { return plainRatio(calls, to.Add(-w), to) / budget }
	return engine.BurnRates{
		Minutes5: rate(5 * time.Minute), Minutes30: rate(30 * time.Minute),
		Hour1: rate(time.Hour), Hours6: rate(6 * time.Hour),
	}
}

// addPeriod counts the calls in (end-period, end]; calls are in order. Without
// calls it adds nothing at all, or a period of none, as the caller wishes.
func addPeriod(b *burnCounts, calls []timedCall, end time.Time, period time.Duration, empty bool) {
	after := func(at time.Time) int {
		return sort.Search(len(calls), func(i int) bool { return calls[i].at.After(at) })
	}
	calls = calls[after(end.Add(-period)):after(end)]
	var good uint64
	for _, c := range calls {
		if !c.bad {
			good++
		}
	}
	if len(calls) > 0 || empty {
		b.add(end, good, uint64(len(calls)))
	}
}

func isNear(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(a), math.Abs(b)) }

func requireRates(t rapid.TB, at time.Time, got, want engine.BurnRates) {
	t.Helper()
	if !isNear(got.Minutes5, want.Minutes5) || !isNear(got.Minutes30, want.Minutes30) || !isNear(got.Hour1, want.Hour1) || !isNear(got.Hours6, want.Hours6) {
		t.Fatalf("rates at %s = %+v, want %+v", at.Sub(midnight), got, want)
	}
	rule := (want.Hour1 > 14.4 && want.Minutes5 > 14.4) || (want.Hours6 > 6 && want.Minutes30 > 6)
	if isBurning(got) != rule {
		t.Fatalf("burning at %s = %t with %+v, want %t", at.Sub(midnight), isBurning(got), got, rule)
	}
}

// Twenty minutes and two hours of trouble in eight hours, with 10 calls a minute.
func TestBurnIncident(t *testing.T) {
	const budget = 0.01
	badInMinute := func(minute int) int { // the minute that begins then
		switch {
		case minute >= 200 && minute < 220:
			return 5 // half of the calls for 20 minutes
		case minute >= 300 && minute < 420:
			return 2 // a fifth of them for two hours
		}
		return 0
	}
	var calls []timedCall
	for minute := range 480 {
		for i := range 10 {
			at := midnight.Add(time.Duration(minute)*time.Minute + time.Duration(i+1)*6*time.Second)
			calls = append(calls, timedCall{at, i < badInMinute(minute)})
		}
	}

	var changes []int // the minutes in which burning began or ended
	burning := false
	b := newBurnCounts(time.Minute)
	for minute := 1; minute <= 480; minute++ {
		end := midnight.Add(time.Duration(minute) * time.Minute)
		addPeriod(b, calls, end, time.Minute, false)
		got := b.rates(budget)
		requireRates(t, end, got, plainRates(calls, end, budget))
		if isBurning(got) != burning {
			burning = !burning
			changes = append(changes, minute)
		}
	}
	// The first one burns fast: from 18 minutes (90 of an hour's 600 calls) until
	// less than 14.4 % of the last five minutes' are bad. The second one does after 44
	// minutes, too, and slowly until 6 % of the last half hour's are bad.
	if want := []int{218, 224, 344, 441}; !slices.Equal(changes, want) {
		t.Errorf("burning changed in minutes %v, want %v", changes, want)
	}
}

// Whatever the traffic: the rates are those of a plain computation over every call.
func TestBurnRatesArePlainRatios(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.SampledFrom([]float64{0.001, 0.01, 0.05, 0.2}).Draw(t, "budget")
		empty := rapid.Bool().Draw(t, "add periods without calls")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var calls []timedCall
		minute := 0
		for range rapid.IntRange(1, 6).Draw(t, "episodes") {
			length := rapid.IntRange(1, 200).Draw(t, "minutes")
			calling := rapid.SampledFrom([]float64{0, 0.1, 1}).Draw(t, "share of minutes with calls")
			bad := rapid.SampledFrom([]float64{0, 0.005, 0.06, 0.2, 1}).Draw(t, "share of bad calls")
			for ; length > 0; length-- {
				begin := midnight.Add(time.Duration(minute) * time.Minute)
				minute++
				if random.Float64() >= calling {
					continue
				}
				for range 1 + random.IntN(3) {
					calls = append(calls, timedCall{begin.Add(1 + time.Duration(random.Int64N(int64(time.Minute)))), random.Float64() < bad})
				}
			}
		}

		slices.SortFunc(calls, func(a, b timedCall) int { return a.at.Compare(b.at) })

		b := newBurnCounts(time.Minute)
		for i := 1; i <= minute; i++ {
			end := midnight.Add(time.Duration(i) * time.Minute)
			before := b.start
			addPeriod(b, calls, end, time.Minute, empty)
			if b.start.Equal(before) {
				continue // nothing was added, so the windows have not moved
			}
			requireRates(t, end, b.rates(budget), plainRates(calls, end, budget))
		}
	})
}

// What a window covers with periods that are not a minute.
func TestBurnWindowByPeriod(t *testing.T) {
	tests := []struct {
		name   string
		period time.Duration
		end    time.Duration // of the last period, since midnight
		window time.Duration
		from   time.Duration // what the window covers begins then
	}{
		{"10s at a full minute", 10 * time.Second, 8 * time.Hour, 5 * time.Minute, 8*time.Hour - 5*time.Minute},
		{"10s at a full minute", 10 * time.Second, 8 * time.Hour, 6 * time.Hour, 2 * time.Hour},
		{"10s just after it", 10 * time.Second, time.Hour + 10*time.Second, 5 * time.Minute, 56 * time.Minute},
		{"10s just before it", 10 * time.Second, time.Hour + 50*time.Second, 5 * time.Minute, 56 * time.Minute},
		{"40s", 40 * time.Second, 6 * time.Minute, 5 * time.Minute, 40 * time.Second},
		{"a minute", time.Minute, 8 * time.Hour, 30 * time.Minute, 7*time.Hour + 30*time.Minute},
		{"5m", 5 * time.Minute, 8 * time.Hour, 5 * time.Minute, 8*time.Hour - 5*time.Minute},
		{"5m", 5 * time.Minute, 8 * time.Hour, 30 * time.Minute, 7*time.Hour + 30*time.Minute},
		{"5m", 5 * time.Minute, 8 * time.Hour, time.Hour, 7 * time.Hour},
		{"5m", 5 * time.Minute, 8 * time.Hour, 6 * time.Hour, 2 * time.Hour},
		{"7m, of which five cover half an hour", 7 * time.Minute, 140 * time.Minute, 30 * time.Minute, 105 * time.Minute},
		{"an hour, which covers five minutes", time.Hour, 8 * time.Hour, 5 * time.Minute, 7 * time.Hour},
		{"an hour", time.Hour, 8 * time.Hour, 6 * time.Hour, 2 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name+", window of "+tt.window.String(), func(t *testing.T) {
			first := midnight
			if off := first.Sub(first.Truncate(tt.period)); off > 0 {
				first = first.Add(tt.period - off) // periods begin on multiples
			}
			random := rand.New(rand.NewPCG(1, 2))
			var calls []timedCall
			for at := time.Duration(1); at <= tt.end; at += time.Second {
				calls = append(calls, timedCall{first.Add(at), random.Float64() < 0.3})
			}
			b := newBurnCounts(tt.period)
			for end := tt.period; end <= tt.end; end += tt.period {
				addPeriod(b, calls, first.Add(end), tt.period, false)
			}
			want := plainRatio(calls, first.Add(tt.from), first.Add(tt.end))
			if got := b.errorRatio(tt.window); !isNear(got, want) {
				t.Errorf("error ratio = %v, want %v", got, want)
			}
		})
	}
}

func TestBurnGaps(t *testing.T) {
	at := func(minute int) time.Time { return midnight.Add(time.Duration(minute) * time.Minute) }
	b := newBurnCounts(time.Minute)
	requireRatios := func(when string, want [4]float64) {
		t.Helper()
		var got [4]float64
		for i, w := range []time.Duration{fastShort, slowShort, fastLong, slowLong} {
			got[i] = b.errorRatio(w)
		}
		if got != want {
			t.Errorf("%s: error ratios = %v, want %v", when, got, want)
		}
	}
	requireRatios("before anything", [4]float64{})
	b.add(at(1), 0, 10)
	requireRatios("after the first period", [4]float64{1, 1, 1, 1})
	b.add(at(6), 10, 10)
	requireRatios("5 minutes on", [4]float64{0, 0.5, 0.5, 0.5})
	b.add(at(31), 0, 0)
	requireRatios("30 minutes on, a period without calls", [4]float64{0, 0, 0.5, 0.5})
	b.add(at(61), 20, 20)
	requireRatios("an hour on", [4]float64{0, 0, 0, 0.25})
	b.add(at(360), 0, 0)
	requireRatios("just not six hours on", [4]float64{0, 0, 0, 0.25})
	b.add(at(361), 0, 0)
	requireRatios("six hours on", [4]float64{})
	b.add(at(100_000), 1, 2)
	requireRatios("two months on", [4]float64{0.5, 0.5, 0.5, 0.5})
	b.add(at(99_000), 0, 2)
	requireRatios("a period from before", [4]float64{0.75, 0.75, 0.75, 0.75})
	b.add(at(100_000), 4, 4)
	requireRatios("the same period again", [4]float64{0.375, 0.375, 0.375, 0.375})
	b.add(at(100_005), 8, 8)
	requireRatios("and on", [4]float64{0, 0.1875, 0.1875, 0.1875})
	b.add(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 1, 1)
	requireRatios("at the end of time", [4]float64{})
}

// A ratio stays a ratio, whatever is counted.
func TestBurnHugeCounts(t *testing.T) {
	b := newBurnCounts(time.Minute)
	for i := range 1000 {
		end := midnight.Add(time.Duration(i) * time.Minute)
		b.add(end, math.MaxUint64/4*3, math.MaxUint64)
		b.add(end, math.MaxUint64/4*3, math.MaxUint64)
	}
	for _, w := range []time.Duration{fastShort, slowShort, fastLong, slowLong, 1000 * time.Hour} {
		if got := b.errorRatio(w); math.Abs(got-0.25) > 1e-12 {
			t.Errorf("error ratio over %s = %v, want 0.25", w, got)
		}
	}
	b = newBurnCounts(time.Minute)
	b.add(midnight, 2, 1)
	if got := b.errorRatio(fastShort); got != 0 {
		t.Errorf("error ratio of more good calls than calls = %v, want 0", got)
	}
}

func TestBurnWithoutBudget(t *testing.T) {
	b := newBurnCounts(time.Minute)
	b.add(midnight, 10, 10)
	if got := b.rates(0); got != (engine.BurnRates{}) {
		t.Errorf("rates without a bad call = %+v, want none", got)
	}
	b.add(midnight.Add(10*time.Minute), 9, 10)
	inf := math.Inf(1)
	if got, want := b.rates(0), (engine.BurnRates{Minutes5: inf, Minutes30: inf, Hour1: inf, Hours6: inf}); got != want || !isBurning(got) {
		t.Errorf("rates with a bad call = %+v, burning: %t, want %+v", got, isBurning(got), want)
	}
}

func TestBurnRules(t *testing.T) {
	tests := []struct {
		name    string
		rates   engine.BurnRates
		burning bool
		rate    float64
		limit   float64
		window  time.Duration
	}{
		{"nothing", engine.BurnRates{}, false, 0, 14.4, time.Hour},
		{"fast", engine.BurnRates{Minutes5: 20, Minutes30: 5, Hour1: 15, Hours6: 4}, true, 15, 14.4, time.Hour},
		{"fast at its limit", engine.BurnRates{Minutes5: 20, Minutes30: 5, Hour1: 14.4, Hours6: 4}, false, 14.4, 14.4, time.Hour},
		{"fast is over", engine.BurnRates{Minutes5: 1, Minutes30: 20, Hour1: 30, Hours6: 5}, false, 5, 6, 6 * time.Hour},
		{"fast just began", engine.BurnRates{Minutes5: 100, Minutes30: 17, Hour1: 8, Hours6: 1.4}, false, 8, 14.4, time.Hour},
		{"slow", engine.BurnRates{Minutes5: 7, Minutes30: 7, Hour1: 7, Hours6: 6.5}, true, 6.5, 6, 6 * time.Hour},
		{"slow at its limit", engine.BurnRates{Minutes5: 7, Minutes30: 6, Hour1: 7, Hours6: 8}, false, 6, 6, 6 * time.Hour},
		{"slow is over", engine.BurnRates{Minutes5: 0, Minutes30: 3, Hour1: 5, Hours6: 12}, false, 3, 6, 6 * time.Hour},
		{"both, the slow one more", engine.BurnRates{Minutes5: 20, Minutes30: 20, Hour1: 20, Hours6: 12}, true, 12, 6, 6 * time.Hour},
		{"a pair does not mix with the other", engine.BurnRates{Minutes5: 20, Minutes30: 1, Hour1: 1, Hours6: 20}, false, 1, 6, 6 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := isBurning(tt.rates); got != tt.burning {
				t.Errorf("burning = %t, want %t", got, tt.burning)
			}
			rate, limit := worstBurn(tt.rates)
			window := burnWindow(limit)
			if rate != tt.rate || limit != tt.limit || window != tt.window {
				t.Errorf("worst = %v of %v over %s, want %v of %v over %s", rate, limit, window, tt.rate, tt.limit, tt.window)
			}
		})
	}
}

// What worstBurn returns is above its limit exactly if something burns.
func TestWorstBurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.OneOf(rapid.Float64Range(0, 40), rapid.SampledFrom([]float64{
			fastBurn, math.Nextafter(fastBurn, 0), math.Nextafter(fastBurn, 20),
			slowBurn, math.Nextafter(slowBurn, 0), math.Nextafter(slowBurn, 20), math.Inf(1),
		}))
		r := engine.BurnRates{
			Minutes5: near.Draw(t, "5m"), Minutes30: near.Draw(t, "30m"), Hour1: near.Draw(t, "1h"), Hours6: near.Draw(t, "6h"),
		}
		if rate, limit := worstBurn(r); (rate > limit) != isBurning(r) {
			t.Fatalf("worst = %v of %v, burning: %t", rate, limit, isBurning(r))
		}
	})
}
