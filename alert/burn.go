package alert

import (
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// The burn rate says how fast an operation uses up its error budget, which is the share of
// calls that its SLO allows to fail. At 1 the budget lasts for exactly 30 days.
//
// The rules are the multiwindow, multi-burn-rate alerts of Google's "The Site
// Reliability Workbook", chapter 5, https://sre.google/workbook/alerting-on-slos/:
// 2 % of the budget in one hour, or 5 % of it in six. The long window says that enough of
// the budget is gone to matter. The short one, a twelfth of it, says that it still burns.
const (
	fastBurn = 14.4 // 2 % of 30 days' budget in 1 h
	slowBurn = 6    // 5 % of 30 days' budget in 6 h

	fastLong  = time.Hour
	fastShort = 5 * time.Minute
	slowLong  = 6 * time.Hour
	slowShort = 30 * time.Minute
)

// isBurning reports whether one of the two rules holds: both its rates are above its limit, and
// it has enough evidence.
func isBurning(r engine.BurnRates) bool {
	return isFast(r) && !r.FastInsufficient || isSlow(r) && !r.SlowInsufficient
}

// seemsBurning reports whether one of the two rules would hold if it had enough evidence.
func seemsBurning(r engine.BurnRates) bool { return isFast(r) || isSlow(r) }

func isFast(r engine.BurnRates) bool { return r.Hour1 > fastBurn && r.Minutes5 > fastBurn }
func isSlow(r engine.BurnRates) bool { return r.Hours6 > slowBurn && r.Minutes30 > slowBurn }

// worstBurn returns the decisive rate and the limit of the rule that burns, or is nearest to
// it. Of the two rates of a rule the smaller one decides. The nearest rule is the one whose
// rate is the largest multiple of its limit; of equals it is the fast one. The rate of a rule with
// too little evidence counts as 0.
func worstBurn(r engine.BurnRates) (rate, limit float64) {
	fast, slow := min(r.Hour1, r.Minutes5), min(r.Hours6, r.Minutes30)
	if r.FastInsufficient {
		fast = 0
	}
	if r.SlowInsufficient {
		slow = 0
	}
	if slow/slowBurn > fast/fastBurn {
		return slow, slowBurn
	}
	return fast, fastBurn
}

// burnWindow returns the long window of the rule that has the given limit.
func burnWindow(limit float64) time.Duration {
	if limit == slowBurn {
		return slowLong
	}
	return fastLong
}

// burnCounts counts the calls of one operation over the last six hours. It is pure: time
// comes with the periods.
//
// Calls are counted in buckets of one minute, or of one period where that is
// longer, which begin on multiples of their width as periods do. A period counts
// as a whole in the bucket in which it ends; a bucket includes its end and not
// its beginning.
//
// A window covers the last window/width buckets, rounded up, the one that fills
// among them. So with periods of a minute it is exactly (end-window, end], where
// end is that of the last period. With others:
//
//   - periods that divide a minute: the same at every full minute. Between them
//     the window is short by less than a minute; no call older than it counts;
//   - periods longer than a minute: the window is as many whole periods as cover
//     it, so exact if it is a multiple of the period, else long by less than one;
//   - shorter ones that do not divide a minute (40s): as if they did, and the
//     window's oldest period may begin up to a period before it.
//
// A window that begins before the first call covers what there is. The memory is 8 bytes a
// bucket and 360 buckets at most: 2.9 KiB.
type burnCounts struct {
	width   time.Duration
	buckets []burnBucket // a ring of six hours
	newest  int          // the index of the bucket that fills
	start   time.Time    // when the bucket that fills begins
}

// maxBurnCalls is the number of calls up to which a bucket counts exactly.
const maxBurnCalls = 1 << 31

// burnBucket holds counts of up to maxBurnCalls calls; of more it keeps the ratio.
type burnBucket struct{ bad, total uint32 }

// add counts more calls.
func (c *burnBucket) add(bad, total uint64) {
	allBad, all := float64(c.bad)+float64(bad), float64(c.total)+float64(total)
	if all > maxBurnCalls {
		allBad, all = math.Ceil(allBad/all*maxBurnCalls), maxBurnCalls
	}
	c.bad, c.total = uint32(allBad), uint32(all)
}

// newBurnCounts returns empty counts for periods of the given length.
func newBurnCounts(period time.Duration) *burnCounts {
	b := &burnCounts{width: max(period, time.Minute)}
	b.buckets = make([]burnBucket, b.bucketsIn(slowLong))
	return b
}

// add counts the calls of one closed period. Periods come in order. Some may be missing, and
// count as time without calls. One that ends before the last one did counts as if it ended
// with it.
func (b *burnCounts) add(end time.Time, good, total uint64) {
	// The nanosecond puts a period that ends on a boundary into the bucket before it.
	b.advance(end.Add(-1).Truncate(b.width))
	b.buckets[b.newest].add(total-min(good, total), total)
}

// advance makes the bucket that begins at start the one that fills. It does nothing if start
// is not later than the current one's.
func (b *burnCounts) advance(start time.Time) {
	steps := int(start.Sub(b.start) / b.width)
	if steps <= 0 {
		return
	}
	b.start = start
	for range min(steps, len(b.buckets)) {
		b.newest = (b.newest + 1) % len(b.buckets)
		b.buckets[b.newest] = burnBucket{}
	}
}

// errorRatio returns the share of bad calls in the window, of six hours at most, that ends with
// the last period added; 0 without calls.
func (b *burnCounts) errorRatio(window time.Duration) float64 {
	n := len(b.buckets)
	var bad, total float64
	for age := range min(b.bucketsIn(window), n) {
		bucket := b.buckets[(b.newest-age+n)%n]
		bad += float64(bucket.bad)
		total += float64(bucket.total)
	}
	if total == 0 {
		return 0
	}
	return bad / total
}

// hasCalls reports whether there was a call in the last six hours.
func (b *burnCounts) hasCalls() bool {
	return slices.ContainsFunc(b.buckets, func(c burnBucket) bool { return c.total > 0 })
}

// rates returns the burn rates as of the last period added. The budget is 1 minus the SLO; if
// it is 0, a window with a bad call burns at +Inf, which JSON cannot hold.
func (b *burnCounts) rates(budget float64) engine.BurnRates {
	rate := func(window time.Duration) float64 {
		ratio := b.errorRatio(window)
		if ratio == 0 {
			return 0 // whatever the budget
		}
		return ratio / budget
	}
	return engine.BurnRates{Minutes5: rate(fastShort), Minutes30: rate(slowShort), Hour1: rate(fastLong), Hours6: rate(slowLong)}
}

// judged returns the burn rates, and which of the two rules have too little evidence.
func (b *burnCounts) judged(o *engine.Objective) engine.BurnRates {
	r := b.rates(1 - o.SLO)
	r.FastInsufficient = !b.isEvident(fastShort, fastLong, o.MinCalls)
	r.SlowInsufficient = !b.isEvident(slowShort, slowLong, o.MinCalls)
	return r
}

// isEvident reports whether the windows of a rule hold enough to judge by: each at least minCalls
// calls, the long one two that failed, since one is no rate, and calls from more time than the
// short one is long. Otherwise the rates of both would be those of the same calls.
func (b *burnCounts) isEvident(short, long time.Duration, minCalls int) bool {
	n := len(b.buckets)
	var inShort, inLong, bad float64
	oldest, newest := 0, -1 // ages of buckets with calls
	for age := range min(b.bucketsIn(long), n) {
		bucket := b.buckets[(b.newest-age+n)%n]
		if bucket.total == 0 {
			continue
		}
		bad += float64(bucket.bad)
		inLong += float64(bucket.total)
		if age < b.bucketsIn(short) {
			inShort += float64(bucket.total)
		}
		if oldest = age; newest < 0 {
			newest = age
		}
	}
	span := time.Duration(oldest-newest+1) * b.width
	return min(inShort, inLong) >= float64(minCalls) && bad >= 2 && span > short
}

// bucketsIn returns the number of buckets that cover a window.
func (b *burnCounts) bucketsIn(window time.Duration) int {
	return int((window + b.width - 1) / b.width)
}
