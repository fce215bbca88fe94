package spanmetrics

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// However periods come, operations leave and come back: what a reader that looks once a period
// adds up as increases is what was called, and the buckets hold every duration.
func TestTotalsLoseNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, form := range []Form{{MaxSize: 20, Factor: 1e3}, {Factor: 1, Bounds: []time.Duration{time.Millisecond, time.Second}}} {
		for zeros := 1; zeros < 4; zeros++ { // without a 0, such a reader can't tell that a count began anew
			totals := NewTotals(Options{Form: &form, Zeros: zeros})
			key := engine.OperationKey{Service: "shop", SpanKind: engine.SpanKindServer, Name: "GET /"}
			var called, increased, timed uint64
			var last, lastTimed uint64
			look := func() {
				var now, nowTimed uint64
				if o := totals.Of(key); o != nil {
					now = o.Failed.Count()
					if d, _ := o.Failed.Durations(&form); d != nil {
						nowTimed = d.Count
						inBuckets := uint64(0)
						for _, n := range d.Counts {
							inBuckets += n
						}
						if form.Bounds == nil {
							inBuckets += d.Zero
						}
						if inBuckets != d.Count {
							t.Fatalf("%d durations, %d in buckets", d.Count, inBuckets)
						}
					}
				}
				increase := func(last *uint64, now uint64) (n uint64) {
					if n = now - *last; now < *last {
						n = now // it began anew
					}
					*last = now
					return n
				}
				increased += increase(&last, now)
				timed += increase(&lastTimed, nowTimed)
				totals.Shown()
			}
			for range 500 {
				var p engine.Period
				switch random.IntN(3) {
				case 0:
					n := 1 + random.IntN(9)
					var h engine.Histogram
					for range n {
						h.Record(time.Duration(random.Int64N(int64(10 * time.Second))))
					}
					e := h.Exponential()
					called += uint64(n)
					p.Summaries = []engine.Summary{{Service: key.Service, Operation: key.Name, SpanKind: key.SpanKind, Count: uint64(n), Failure: uint64(n), FailureHistogram: &e}}
				case 1:
					p.Evicted = []engine.OperationKey{key}
				}
				totals.Add(&p)
				look()
			}
			totals.Hurry()
			totals.Add(&engine.Period{})
			look()
			if increased != called || timed != called {
				t.Errorf("zeros %d: %d calls and %d durations were seen, want %d", zeros, increased, timed, called)
			}
		}
	}
}
