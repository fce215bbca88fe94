package alert

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/human"
	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Percent writes a ratio for people, with one decimal or as many as it takes not to round a
// miss away: 99.96 %, not 100 %.
func Percent(ratio float64) string { return percent(ratio, 1) }

// percent writes a ratio that stands beside its target.
func percent(ratio, target float64) string { return human.Percent(ratio, target) }

// exactPercent writes a ratio as the person who set it would: 95 %, 99.25 %.
func exactPercent(ratio float64) string {
	return strconv.FormatFloat(human.Rounded100(ratio), 'f', -1, 64) + " %"
}

// decimals writes a number that stands beside another one, with one decimal or as many as
// it takes to tell the two apart and not to show 0 for what is more.
func decimals(v, beside float64) string {
	for n := 1; ; n++ {
		s := strconv.FormatFloat(v, 'f', n, 64)
		shown, _ := strconv.ParseFloat(s, 64)
		other, _ := strconv.ParseFloat(strconv.FormatFloat(beside, 'f', n, 64), 64)
		isFaithful := (shown != 0 || v == 0) && cmp.Compare(shown, other) == cmp.Compare(v, beside)
		if isFaithful || n == human.MaxDecimals {
			return human.TrimZeros(s)
		}
	}
}

// Counted writes a number of things: "1 call", "2 calls".
func Counted(n uint64, what string) string { return fmt.Sprintf("%d %s", n, plural(n, what)) }

// plural returns the word for n things.
func plural(n uint64, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// callsAPeriod writes a number of calls a period that stands beside the expected one.
func callsAPeriod(calls, target float64) string {
	text := decimals(calls, target)
	if text == "1" {
		return "1 call a period"
	}
	return text + " calls a period"
}

// BurnRateTexts writes the burn rates over 5m, 30m, 1h and 6h, each with as many decimals as
// it takes to tell it from its limit: "14.5x".
func BurnRateTexts(r engine.BurnRates) [4]string {
	return [4]string{
		decimals(r.Minutes5, fastBurn) + "x", decimals(r.Minutes30, slowBurn) + "x",
		decimals(r.Hour1, fastBurn) + "x", decimals(r.Hours6, slowBurn) + "x",
	}
}

// Rounded writes a duration for people, with three digits or to the second: 2h3m4s,
// 1.23s, 45.6ms, 789µs.
func Rounded(d time.Duration) string { return Exact(human.ThreeDigits(d)) }

// Exact writes a duration without zeros at its end: 2m, not 2m0s.
func Exact(d time.Duration) string { return keyed.Short(d) }

// seconds returns a duration of so many seconds.
func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

// age writes an age in seconds that stands beside its limit: rounded, unless that would
// move it across the limit.
func age(s, limit float64) string {
	d, bound := seconds(s), seconds(limit)
	if (d > bound) == (human.ThreeDigits(d) > bound) {
		return Rounded(d)
	}
	return Exact(d)
}

// Moment writes a time in full, with its zone, since an alert may be read days later and
// elsewhere: "2026-03-01 15:04:05 +01:00".
func Moment(t time.Time) string {
	return t.Format(time.DateOnly+" ") + Clock(t) + t.Format(" -07:00")
}

// momentAfter writes a time that follows on another one, in full only where the day or the
// zone differs.
func momentAfter(before, t time.Time) string {
	const dayAndZone = time.DateOnly + " -07:00"
	if before.Format(dayAndZone) == t.Format(dayAndZone) {
		return Clock(t)
	}
	return Moment(t)
}

// Clock writes a time of day, with milliseconds where there are any: "15:04:05".
func Clock(t time.Time) string {
	if t.Nanosecond() < int(time.Millisecond) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("15:04:05.000")
}
