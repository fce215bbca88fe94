package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Printable returns s with everything that could move a cursor, break a line or
// reorder text written as an escape, for notifiers that show names and codes as text.
func Printable(s string) string { return printable(s) }

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
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(r)):
			fmt.Fprintf(&b, `\x%02x`, s[i]) // not UTF-8
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
// everything that came from outside made inert for a terminal. It has at most 16 lines:
// of many periods the first and the last ones are shown, of many causes the largest.
func Text(a *Alert) string {
	var b strings.Builder
	mark := "ALERT   "
	switch {
	case a.State == Resolved:
		mark = "RESOLVED"
	case a.Repeat:
		mark = "STILL   "
	}
	headline := a.Measured()
	if blame := a.MainCause(); blame != "" {
		headline += ", " + blame
	}
	fmt.Fprintf(&b, "%s  %s  %s: %s\n", mark, printable(a.Operation), a.Objective, printable(headline))
	fmt.Fprintf(&b, "  %s\n", whose(a))
	switch {
	case a.State == Resolved:
		fmt.Fprintf(&b, "  bad from %s to %s (%s, at worst %s, at last %s), good for %s since:\n",
			moment(a.StartsAt), momentAfter(a.StartsAt, a.EndsAt), rounded(a.Lasted()), a.value(a.WorstActual), a.value(a.LastActual), periods(a.periods()))
	case a.Repeat:
		fmt.Fprintf(&b, "  bad since %s (%s, at worst %s), the last bad %s:\n", moment(a.StartsAt), rounded(a.Lasted()), a.value(a.WorstActual), plural(uint64(len(a.Evidence)), "period"))
	default:
		fmt.Fprintf(&b, "  bad since %s, %s running:\n", moment(a.StartsAt), periods(a.periods()))
	}
	writeEvidence(&b, a)
	if a.State == Firing {
		writeCauses(&b, a)
		writeCalls(&b, a)
	}
	fmt.Fprintf(&b, "  id %s\n", printable(a.ID))
	return b.String()
}

// value writes one value of what an alert is about.
func (a *Alert) value(v float64) string {
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

// writeCauses writes what else than the main cause, which the first line names, is to
// blame, and the alert about that one.
func writeCauses(b *strings.Builder, a *Alert) {
	most := 2
	if a.CausedBy != "" {
		most--
		fmt.Fprintf(b, "  caused by alert %s\n", printable(a.CausedBy))
	}
	if a.MainCause() == "" {
		return
	}
	for _, c := range a.Causes[1:min(len(a.Causes), 1+most)] {
		fmt.Fprintf(b, "  also: %s caused by %s", percent(c.Share, 1), printable(CauseName(&c.Cause, a.Service)))
		if c.Code != "" && !c.IsNetwork() {
			fmt.Fprintf(b, " [%s]", printable(c.Code))
		}
		b.WriteByte('\n')
	}
}

// writeCalls writes which calls to look up, one in a line.
func writeCalls(b *strings.Builder, a *Alert) {
	for i, c := range a.Exemplars() {
		what := "calls: "
		if i > 0 {
			what = "       "
		}
		fmt.Fprintf(b, "  %s%s\n", what, exemplarText(c))
	}
}

// periods returns the number of periods that led to the alert, of which Evidence may hold
// the newest alone.
func (a *Alert) periods() int { return max(a.Periods, len(a.Evidence)) }

// writeEvidence writes one line for each period, the numbers of calls below each other.
func writeEvidence(b *strings.Builder, a *Alert) {
	const most, head, tail = 5, 1, 3 // of more periods than most, these stay, and a line for the others
	from, to := len(a.Evidence), len(a.Evidence)
	if a.periods() > most {
		from, to = head, max(head, len(a.Evidence)-tail)
	}
	var largest uint64
	for i := range a.Evidence {
		calls, _ := callsOf(a.Objective, &a.Evidence[i])
		largest = max(largest, calls)
	}
	width := len(strconv.FormatUint(largest, 10))
	for i := range a.Evidence {
		if i == from {
			fmt.Fprintf(b, "  (%d more)\n", a.periods()-head-(len(a.Evidence)-to))
		}
		if i < from || i >= to {
			fmt.Fprintf(b, "  %s\n", evidenceLine(a.Objective, &a.Evidence[i], width))
		}
	}
}

// whose says what the alert is about, apart from the operation's name.
func whose(a *Alert) string {
	parts := []string{"monitor " + printable(a.Monitor)}
	if a.Service != "" {
		parts = append(parts, "service "+printable(a.Service))
	}
	if a.SpanKind != engine.SpanKindUnspecified {
		parts = append(parts, a.SpanKind.String()+" spans")
	}
	return strings.Join(parts, ", ")
}

// callsOf returns the number of calls that an objective is about, and what they are called.
func callsOf(k ObjectiveKind, s *engine.Summary) (uint64, string) {
	switch k {
	case Latency:
		return s.Success, "successful call"
	case Traffic:
		return s.Count, "call"
	case Stuck:
		return s.InFlight, "call"
	}
	return s.Success + s.Failure, "call"
}

// evidenceLine tells one period in one line, the number of calls in a column of the given width.
func evidenceLine(k ObjectiveKind, s *engine.Summary, width int) string {
	calls, what := callsOf(k, s)
	r := read(k, s)
	line := fmt.Sprintf("%s-%s  %*d %s", clock(s.Start), clock(s.End), width, calls, plural(calls, what))
	switch k {
	case Latency:
		return fmt.Sprintf("%s, %s within %s, p50 %s, p99 %s", line, percent(r.value(k), r.target),
			short(s.Objective.LatencyTarget), rounded(s.Latency.P50), rounded(s.Latency.P99))
	case Traffic:
		if s.TypicalCalls > 0 {
			line += fmt.Sprintf(", usually %d", s.TypicalCalls)
		}
		return line
	case Stuck:
		line += " in flight"
		if s.InFlight > 0 {
			line += fmt.Sprintf(", %d stuck, the oldest for %s", s.Stuck, age(r.extreme, r.target))
		}
		return line
	case BurnRate:
		return fmt.Sprintf("%s, %d failed, burn rate %sx over 5m, %sx over 30m, %sx over 1h, %sx over 6h", line, s.Failure,
			decimals(s.BurnRates.Minutes5, fastBurn), decimals(s.BurnRates.Minutes30, slowBurn),
			decimals(s.BurnRates.Hour1, fastBurn), decimals(s.BurnRates.Hours6, slowBurn))
	}
	line += fmt.Sprintf(", %s succeed", percent(r.value(k), r.target))
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
		label := "no code"
		if f.Code != "" {
			label = printable(f.Code)
		}
		if f.Name != "" && f.Name != f.Code {
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
	about := rounded(e.Duration)
	if e.Code != "" {
		about = printable(e.Code) + ", " + about
	}
	if !e.Trace.Sampled {
		about += ", not sampled"
	}
	return fmt.Sprintf("trace %x span %x (%s)", e.Trace.TraceID, e.Trace.SpanID, about)
}

// moment writes a time in full: an alert may be read in a log of many days and places.
func moment(t time.Time) string {
	return t.Format(time.DateOnly+" ") + clock(t) + t.Format(" -07:00")
}

// momentAfter writes a time that follows on another one, in full only where the
// day or the zone is another.
func momentAfter(before, t time.Time) string {
	const dayAndZone = time.DateOnly + " -07:00"
	if before.Format(dayAndZone) == t.Format(dayAndZone) {
		return clock(t)
	}
	return moment(t)
}

// clock writes a time of day, with milliseconds where there are any.
func clock(t time.Time) string {
	if t.Nanosecond() < int(time.Millisecond) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("15:04:05.000")
}

// Rounded writes a duration for people, with three digits or to the second: 2h3m4s,
// 1.23s, 45.6ms, 789µs.
func Rounded(d time.Duration) string { return rounded(d) }

// rounded writes a duration with three digits, or to the second: 2h3m4s, 1.23s, 45.6ms, 789µs.
func rounded(d time.Duration) string { return short(readable(d)) }

// readable rounds a duration to three digits, or to the second from a minute on.
func readable(d time.Duration) time.Duration {
	if d >= time.Minute {
		return d.Round(time.Second)
	}
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// short writes a duration without zeros at its end: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func periods(n int) string { return fmt.Sprintf("%d %s", n, plural(uint64(n), "period")) }

// plural returns the word for n things.
func plural(n uint64, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
