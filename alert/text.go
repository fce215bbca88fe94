package alert

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/blurooo/go-monitor/v2/engine"
)

// printable returns s with everything that could move a cursor, break a line or
// reorder text written as an escape: names and codes come from outside.
func printable(s string) string {
	clean := func(r rune) bool {
		return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar
	}
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case clean(r):
			b.WriteRune(r)
		case r == unicode.ReplacementChar:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// Text returns an alert as a readable block of lines, its last one ended, with
// everything that came from outside made inert for a terminal.
func Text(a *Alert) string {
	var b strings.Builder
	mark := "ALERT   "
	if a.State == Resolved {
		mark = "RESOLVED"
	}
	fmt.Fprintf(&b, "%s  %s  %s: %s\n", mark, printable(a.Operation), a.Objective, a.Measured())
	fmt.Fprintf(&b, "  %s\n", whose(a))
	if a.State == Resolved {
		fmt.Fprintf(&b, "  bad from %s to %s (%s), good for %s since\n",
			clock(a.StartsAt), clock(a.EndsAt), rounded(a.EndsAt.Sub(a.StartsAt)), periods(len(a.Evidence)))
	} else {
		fmt.Fprintf(&b, "  bad since %s, %s running\n", clock(a.StartsAt), periods(len(a.Evidence)))
	}
	for i := range a.Evidence {
		fmt.Fprintf(&b, "  %s\n", evidenceLine(a.Objective, &a.Evidence[i]))
	}
	if a.State == Firing && !a.Worst.Trace.IsZero() {
		fmt.Fprintf(&b, "  look at %s\n", exemplarText(a.Worst))
	}
	fmt.Fprintf(&b, "  id %s\n", a.ID)
	return b.String()
}

// whose says what the alert is about, apart from the operation's name.
func whose(a *Alert) string {
	parts := []string{"monitor " + printable(a.Monitor)}
	if a.Service != "" {
		parts = append(parts, "service "+printable(a.Service))
	}
	if a.SpanKind != engine.KindUnspecified {
		parts = append(parts, a.SpanKind.String()+" spans")
	}
	return strings.Join(parts, ", ")
}

// evidenceLine tells one period in one line.
func evidenceLine(k Kind, s *engine.Summary) string {
	line := fmt.Sprintf("%s-%s  %s", clock(s.Start), clock(s.End), plural(s.Count, "call"))
	if k == Latency {
		return fmt.Sprintf("%s, %s within %s, p50 %s, p99 %s", line,
			Percent(s.WithinTargetRatio), s.Objective.LatencyTarget, rounded(s.Latency.P50), rounded(s.Latency.P99))
	}
	line = fmt.Sprintf("%s, %s succeed", line, Percent(s.SuccessRatio))
	if codes := CodesText(s.Failures); codes != "" {
		line += ": " + codes
	}
	return line
}

// CodesText lists failures by code, the most frequent three and how many are
// left: "503 unavailable x12, 500 x3". It is made inert for a terminal.
func CodesText(failures []engine.CodeCount) string {
	const most = 3
	var parts []string
	var rest uint64
	for i, f := range failures {
		if i >= most {
			rest += f.Count
			continue
		}
		label := printable(f.Code)
		if f.Name != "" {
			label += " " + printable(f.Name)
		}
		parts = append(parts, fmt.Sprintf("%s x%d", label, f.Count))
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("others x%d", rest))
	}
	return strings.Join(parts, ", ")
}

// exemplarText tells how to look a call up.
func exemplarText(e engine.Exemplar) string {
	sampled := "not sampled"
	if e.Trace.Sampled {
		sampled = "sampled"
	}
	return fmt.Sprintf("trace %x span %x (%s, %s, %s)", e.Trace.TraceID, e.Trace.SpanID, printable(e.Code), rounded(e.Duration), sampled)
}

// clock writes a time of day, with milliseconds where there are any.
func clock(t time.Time) string {
	if t.Nanosecond() < int(time.Millisecond) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("15:04:05.000")
}

// rounded writes a duration with three digits: 1.23s, 45.6ms, 789µs.
func rounded(d time.Duration) string {
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

func periods(n int) string { return plural(uint64(n), "period") }

func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
