package mail

import (
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// value writes one value of what an alert is about.
func value(a *alert.Alert, v float64) string {
	switch a.Objective {
	case alert.Traffic:
		return number(v) + " calls a period"
	case alert.Stuck:
		return duration(time.Duration(v * float64(time.Second)))
	case alert.BurnRate:
		return number(v) + "x"
	}
	return ratio(a, v)
}

// ratio writes a ratio that stands for that of an alert, with as many decimals as it
// takes not to round a miss away.
func ratio(a *alert.Alert, v float64) string {
	of := *a
	of.Actual = v
	number, _, found := strings.Cut(of.Measured(), " %")
	if !found {
		return alert.Percent(v)
	}
	return number + " %"
}

// number writes a number with two decimals at most.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// duration writes a duration with three digits and without zeros at its end: 1.23s, 2m.
func duration(d time.Duration) string {
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	s := d.Round(unit).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// moment writes a time in full: a mail is read in other places, and much later.
func moment(t time.Time) string { return t.Format("2006-01-02 15:04:05 -07:00") }

// clock writes a time of day.
func clock(t time.Time) string { return t.Format(time.TimeOnly) }

// serviceSuffix names the service that an alert is about, if any.
func serviceSuffix(a *alert.Alert) string {
	if a.Service == "" {
		return ""
	}
	return " (" + shown(a.Service, maxName) + ")"
}
