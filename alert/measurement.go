package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Measured says in words what was measured and what was expected: "94.7 % succeed (target
// 95 %)".
func (a *Alert) Measured() string {
	text := measured(a.Objective, a.Actual, a.Target, a.LatencyTarget)
	if slices.ContainsFunc(a.Evidence, func(s engine.Summary) bool { return s.SlowCancelled > 0 }) {
		text = strings.Replace(text, "successful calls", "calls", 1)
	}
	return text
}

// ValueText writes a value of what the alert is about, such as Actual or WorstActual, with
// its unit and as precisely as it takes to tell it from Target: "94.7 %", "3 calls a
// period", "1m30s", "14.5x".
func (a *Alert) ValueText(v float64) string {
	switch a.Objective {
	case Traffic:
		return callsAPeriod(v, a.Target)
	case Stuck:
		return age(v, a.Target)
	case BurnRate:
		return decimals(v, a.Target) + "x"
	}
	return percent(v, a.Target)
}

// measured is [Alert.Measured] for any value and target.
func measured(k ObjectiveKind, value, target float64, latencyTarget time.Duration) string {
	switch k {
	case Latency:
		return fmt.Sprintf("%s of successful calls within %s (target %s)", percent(value, target), Exact(latencyTarget), exactPercent(target))
	case Traffic:
		if target <= 0 {
			return fmt.Sprintf("%s (none expected any more)", callsAPeriod(value, 0))
		}
		return fmt.Sprintf("%s (at least %s expected)", callsAPeriod(value, target), decimals(target, value))
	case Stuck:
		text := "no call in flight"
		if value > 0 {
			text = "oldest call in flight for " + age(value, target)
		}
		if target <= 0 {
			return text + " (none counts as stuck any more)"
		}
		return fmt.Sprintf("%s (stuck after %s)", text, Exact(seconds(target)))
	case BurnRate:
		if target <= 0 {
			return "no error budget any more"
		}
		return fmt.Sprintf("error budget burns at %sx (limit %sx over %s)", decimals(value, target), decimals(target, value), Exact(burnWindow(target)))
	}
	return fmt.Sprintf("%s succeed (target %s)", percent(value, target), exactPercent(target))
}
