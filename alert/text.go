package alert

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Text returns an alert as a readable block of lines, the last one ended by a line break.
// Everything that came from outside is printable. It has at most 16 lines: of many
// periods the first and the last ones are shown, of many causes the largest.
func Text(a *Alert) string {
	var b strings.Builder
	b.WriteString(Line(a) + "\n")
	fmt.Fprintf(&b, "  %s\n", whose(a))
	periods := Counted(uint64(a.periods()), "period")
	calls := a.callsText()
	if calls != "" {
		calls += ", "
	}
	switch isFlapping := a.Flapping.Count > 0; {
	case a.State == Interrupted:
		fmt.Fprintf(&b, "  bad since %s (%s, at worst %s), the last bad %s:\n",
			Moment(a.StartsAt), Rounded(a.Lasted()), a.ValueText(a.WorstActual), plural(uint64(len(a.Evidence)), "period"))
	case a.endText() != "":
		fmt.Fprintf(&b, "  bad from %s until then (%s, at worst %s), the last bad %s:\n",
			Moment(a.StartsAt), Rounded(a.Lasted()), a.ValueText(a.WorstActual), plural(uint64(len(a.Evidence)), "period"))
	case a.State == Resolved && isFlapping:
		fmt.Fprintf(&b, "  bad at times from %s to %s (%s, at worst %s, at last %s), good since:\n",
			Moment(a.StartsAt), momentAfter(a.StartsAt, a.EndsAt), Rounded(a.Lasted()), a.ValueText(a.WorstActual), a.ValueText(a.LastActual))
	case a.Repeat && isFlapping:
		fmt.Fprintf(&b, "  bad at times since %s (%s, at worst %s), %sthe last bad %s:\n",
			Moment(a.StartsAt), Rounded(a.Lasted()), a.ValueText(a.WorstActual), calls, plural(uint64(len(a.Evidence)), "period"))
	case a.State == Resolved:
		fmt.Fprintf(&b, "  bad from %s to %s (%s, at worst %s, at last %s), good for %s since:\n",
			Moment(a.StartsAt), momentAfter(a.StartsAt, a.EndsAt), Rounded(a.Lasted()), a.ValueText(a.WorstActual), a.ValueText(a.LastActual), periods)
	case a.Repeat:
		fmt.Fprintf(&b, "  bad since %s (%s, at worst %s), %sthe last bad %s:\n",
			Moment(a.StartsAt), Rounded(a.Lasted()), a.ValueText(a.WorstActual), calls, plural(uint64(len(a.Evidence)), "period"))
	case a.GoodPeriods > 0:
		fmt.Fprintf(&b, "  bad since %s, in %d of %d periods:\n", Moment(a.StartsAt), a.periods(), a.periods()+a.GoodPeriods)
	default:
		fmt.Fprintf(&b, "  bad since %s, %s running:\n", Moment(a.StartsAt), periods)
	}
	writeEvidence(&b, a)
	if text := a.silencedText(); text != "" {
		fmt.Fprintf(&b, "  %s\n", Printable(text))
	}
	if a.State != Resolved {
		writeCauses(&b, a)
		writeWhy(&b, a)
		writeExemplars(&b, a)
	}
	fmt.Fprintf(&b, "  id %s\n", Printable(a.ID))
	return b.String()
}

// writeCauses writes the causes that follow the main one, which the first line names, and the
// id of the alert about that one.
func writeCauses(b *strings.Builder, a *Alert) {
	most := 2
	if a.CausedBy != "" {
		most--
		fmt.Fprintf(b, "  caused by alert %s\n", Printable(a.CausedBy))
	}
	if a.MainCause() == "" {
		return
	}
	for _, c := range a.Causes[1:min(len(a.Causes), 1+most)] {
		fmt.Fprintf(b, "  also: %s caused by %s\n", Percent(c.Share), Printable(CauseText(&c.Cause, a.Service)))
	}
}

// writeExemplars writes the calls to look up, one a line.
func writeExemplars(b *strings.Builder, a *Alert) {
	calls := a.Exemplars()
	if !a.Why.isEmpty() {
		calls = calls[:min(len(calls), 2)]
	}
	for i, c := range calls {
		what := "calls: "
		if i > 0 {
			what = "       "
		}
		fmt.Fprintf(b, "  %s%s\n", what, ExemplarText(c))
	}
}

// periods returns the number of periods that led to the alert. Evidence may hold only the
// newest of them.
func (a *Alert) periods() int { return max(a.Periods, len(a.Evidence)) }

// writeEvidence writes one line for each period, the numbers of calls below each other.
func writeEvidence(b *strings.Builder, a *Alert) {
	const most, head, tail = 5, 1, 3 // of more periods than most, only the first head and the last tail
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
	parts := []string{"monitor " + Printable(a.Monitor)}
	if a.Service != "" {
		parts = append(parts, "service "+Printable(a.Service))
	}
	if a.SpanKind != engine.SpanKindUnspecified {
		parts = append(parts, a.SpanKind.String()+" spans")
	}
	return strings.Join(parts, ", ")
}

// callsOf returns the number of calls that an objective is about, and the word for one.
func callsOf(k ObjectiveKind, s *engine.Summary) (n uint64, what string) {
	switch k {
	case Latency:
		if s.SlowCancelled > 0 {
			return s.Timed() + s.SlowCancelled, "call"
		}
		return s.Timed(), "successful call"
	case Traffic:
		return s.Count, "call"
	case Stuck:
		return s.InFlight, "call"
	}
	return s.Success + s.Failure, "call"
}

// ownTimeText says what calls took by themselves, if that is clearly less than what they took in all:
// then others kept them waiting.
func ownTimeText(s *engine.Summary) string {
	own := s.OwnTime
	if own.Count == 0 || own.P50 > s.Latency.P50*9/10 && own.P99 > s.Latency.P99*9/10 {
		return ""
	}
	return fmt.Sprintf(" (own time p50 %s, p99 %s)", Rounded(own.P50), Rounded(own.P99))
}

// evidenceLine writes one period in one line, the number of calls in a column of the given width.
func evidenceLine(k ObjectiveKind, s *engine.Summary, width int) string {
	calls, what := callsOf(k, s)
	r := read(k, s)
	line := fmt.Sprintf("%s-%s  %*d %s", Clock(s.Start), Clock(s.End), width, calls, plural(calls, what))
	switch k {
	case Latency:
		line = fmt.Sprintf("%s, %s within %s", line, percent(r.value(k), r.target), Exact(s.Objective.LatencyTarget))
		if s.Timed() > 0 {
			line += fmt.Sprintf(", p50 %s, p99 %s", Rounded(s.Latency.P50), Rounded(s.Latency.P99)) + ownTimeText(s)
		}
		return line + cancelledText(s)
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
		rates := BurnRateTexts(s.BurnRates)
		return fmt.Sprintf("%s, %d failed, burn rate %s over 5m, %s over 30m, %s over 1h, %s over 6h",
			line, s.Failure, rates[0], rates[1], rates[2], rates[3])
	}
	line += fmt.Sprintf(", %s succeed", percent(r.value(k), r.target))
	if codes := CodesText(s.Failures); codes != "" {
		line += ": " + codes
	}
	return line + cancelledText(s)
}

// cancelledText says what share of the calls was cancelled, if any was.
func cancelledText(s *engine.Summary) string {
	if s.Cancelled == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of %d cancelled", Percent(s.CancelledRatio()), s.Count)
}

// CodesText lists failures by code, the three most frequent ones and the number of the
// others: "503 unavailable x12, 500 x3, others x2". It is printable.
func CodesText(failures []engine.CodeCount) string { return engine.CodesText(failures) }
