package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	monitor "github.com/blurooo/go-monitor/v2"

	"github.com/blurooo/go-monitor/store"
)

// result is what came of a run.
type result struct {
	config     config
	violations []string

	lasted, shutdown       time.Duration
	made, unending, failed uint64
	polls                  uint64
	told                   map[string]int // errors
	samples                []sample
	goroutines             [2]int // before and after
	times                  *histogram
	stats                  monitor.Stats
	storeStats             store.Stats

	ledger                  *ledger
	hook                    *receiver
	storedPeriods           int
	storedAlerts, alertKeys int
	databaseBytes           int64
}

func (r *result) violated(format string, args ...any) {
	if len(r.violations) < maxViolations {
		r.violations = append(r.violations, fmt.Sprintf(format, args...))
	}
}

// check compares what came out with what went in.
func (r *result) check(made *load, l *ledger, hook *receiver) {
	r.ledger, r.hook = l, hook
	r.violations = append(r.violations, l.violations...)
	equal := func(what string, got, want uint64) {
		if got != want {
			r.violated("%s: %d, want %d", what, got, want)
		}
	}
	equal("spans and reports that were counted or dropped", r.stats.Received(), r.made)
	equal("calls in periods", l.counted, r.stats.Counted)
	equal("reports that periods count as dropped", l.dropped, r.stats.Dropped()-afterwards)
	equal("dropped after the shutdown", r.stats.DroppedShutdown, afterwards)
	equal("reports by hand that were refused, at most those dropped", min(made.refused, r.stats.DroppedQueueFull), made.refused)
	equal("reports for which there was no place", l.overflowed, 0)
	equal("periods that a sink did not take", r.stats.UndeliveredPeriods, 0)
	equal("notifications that a notifier did not take", r.stats.UndeliveredNotifications, 0)
	r.violations = append(r.violations, checkChanges("the notifier", l.changes)...)
	r.violations = append(r.violations, checkChanges("the webhook", hook.changes)...)
	equal("alerts at the webhook", uint64(len(hook.changes)), uint64(len(l.changes)))
	if hook.broken != nil {
		r.violated("the webhook got a body that is not JSON: %v", hook.broken)
	}
	if early, late, ok := isFlat(r.samples); !ok {
		r.violated("the heap grew from %s to %s", mebibytes(early), mebibytes(late))
	}
	if r.goroutines[1] > r.goroutines[0] {
		r.violated("%d goroutines before, %d after", r.goroutines[0], r.goroutines[1])
	}
	if late := percentile(l.lateness, 1); late > r.config.Period {
		r.violated("a period came %s late, after the next one should have", late)
	}
}

// markdown returns the report.
func (r *result) markdown() string {
	// An alert has one key for each of its states, and a row in the store.
	if n := len(r.ledger.changes); r.storedAlerts != r.alertKeys || r.config.Duration <= time.Hour && r.storedAlerts != n {
		r.violated("the store has %d alerts with %d keys, want %d", r.storedAlerts, r.alertKeys, n)
	}
	var b strings.Builder
	c, l := &r.config, r.ledger
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "# Soak: %s\n\n%s %s/%s, GOMAXPROCS %d. ", round(r.lasted), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	fmt.Fprintf(&b, "%d spans a second, %d for %s every %s; %d routes at a time, %d new ones a second; periods of %s; a webhook of which %.0f %% of the requests fail and %.0f %% get no answer.\n\n",
		c.Rate, c.Burst, c.BurstFor, c.BurstEvery, c.Names, c.NewNames, c.Period, c.Failing*100, c.Hanging*100)
	b.WriteString("| what | |\n|---|---|\n")
	row("spans and reports made", "%d", r.made)
	row("counted", "%d", r.stats.Counted)
	row("dropped, the queue was full", "%d", r.stats.DroppedQueueFull)
	row("dropped, after the shutdown", "%d (all that came then)", r.stats.DroppedShutdown)
	row("not accounted for", "%d", int64(r.made)-int64(r.stats.Received()))
	row("counted under `_OTHER`", "%d", l.overflowed)
	row("calls that failed for the database", "%d", r.failed)
	row("calls that never end", "%d begun, %d without a place, %d given up", r.unending, l.untracked, l.abandoned)
	row("periods", "%d, missed ends %d, at most %d summaries", l.periods, l.missed, l.most)
	row("lateness of periods at a sink", "p50 %s, p99 %s, longest %s", round(percentile(l.lateness, 0.5)), round(percentile(l.lateness, 0.99)), round(percentile(l.lateness, 1)))
	row("OnEnd, measured on one span of "+fmt.Sprint(measuredOf), "p50 %s, p99 %s, p99.9 %s, longest %s", r.times.quantile(0.5), r.times.quantile(0.99), r.times.quantile(0.999), round(r.times.quantile(1)))
	for _, kind := range slices.Sorted(maps.Keys(l.kinds)) {
		row("alerts: "+kind, "%d", l.kinds[kind])
	}
	row("webhook", "%d requests, %d failed, %d without an answer; %d notifications taken, %d of them sent again under the same id, since the answer came too late", r.hook.requests, r.hook.failed, r.hook.unanswered, len(r.hook.taken), r.hook.twice)
	row("store", "%d periods, %d alerts with %d keys, %s", r.storedPeriods, r.storedAlerts, r.alertKeys, mebibytes(uint64(r.databaseBytes)))
	row("the status was polled", "%d times", r.polls)
	for _, text := range slices.Sorted(maps.Keys(r.told)) {
		row("an error that was told", "%d times: %s", r.told[text], text)
	}
	early, late, _ := isFlat(r.samples)
	most := uint64(0)
	for _, s := range r.samples {
		most = max(most, s.heap)
	}
	row("heap after a collection", "%s in the second quarter, %s in the last one, at most %s", mebibytes(early), mebibytes(late), mebibytes(most))
	row("goroutines", "%d before, %d after", r.goroutines[0], r.goroutines[1])
	row("shutdown", "%s", round(r.shutdown))
	row("violations", "%d", len(r.violations))
	for _, v := range r.violations {
		fmt.Fprintf(&b, "\n- %s", v)
	}
	b.WriteString("\n")
	return b.String()
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d
}
