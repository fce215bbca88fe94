package replay

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// report writes what a replay shows: each period while it goes on, and the whole at its end.
// It keeps the first error of writing.
type report interface {
	// period takes a closed period with its alerts.
	period(p *engine.Period, alerts []alert.Alert)
	// verdict takes the result of the whole replay.
	verdict(r *Result, stats recording.Stats)
	// failed returns the first error of writing.
	failed() error
}

// textReport is a report for people. Everything that came from outside is made inert.
type textReport struct {
	out       stickyWriter
	summaries bool // write them, too
	brief     bool // leave out the alerts' evidence
}

func (r *textReport) failed() error { return r.out.err }

func (r *textReport) period(p *engine.Period, alerts []alert.Alert) {
	if r.summaries {
		r.table(p)
	}
	for i := range alerts {
		if !r.brief {
			r.out.write("\n" + alert.Text(&alerts[i]))
		}
	}
}

// table writes one line for each summary of a period.
func (r *textReport) table(p *engine.Period) {
	note := ""
	if p.Partial {
		note = "  (cut short: not judged)"
	}
	r.out.write(fmt.Sprintf("\n%s-%s%s\n", p.Start.Format(time.DateTime), p.End.Format(time.TimeOnly), note))
	columns := tabwriter.NewWriter(&r.out, 2, 0, 2, ' ', 0)
	for i := range p.Summaries {
		s := &p.Summaries[i]
		_, _ = fmt.Fprintf(columns, "  %s\t%s\t%s\t%d calls\t%s ok\tp50 %s\tp99 %s\t%s\n", alert.Printable(s.Service), s.SpanKind, cut(alert.Printable(s.Operation), 60),
			s.Count, alert.Percent(s.SuccessRatio), alert.Rounded(s.Latency.P50), alert.Rounded(s.Latency.P99), verdicts(s))
	}
	_ = columns.Flush() // r.out keeps the error
}

// verdicts names the objectives whose verdict is bad.
func verdicts(s *engine.Summary) string {
	var bad []string
	for _, k := range alert.ObjectiveKindsOf(s.Objective) {
		if v := alert.VerdictOf(s, k); v == engine.VerdictBad {
			bad = append(bad, k.String()+" bad")
		}
	}
	if len(bad) > 0 {
		return strings.Join(bad, ", ")
	}
	return ""
}

const (
	// maxEpisodes and maxNames bound the lists of the result, so that it stays one page.
	maxEpisodes = 20
	maxNames    = 5
)

func (r *textReport) verdict(s *Result, stats recording.Stats) {
	var b strings.Builder
	services := make(map[string]bool)
	for _, o := range s.Operations {
		services[o.Service] = true
	}
	fmt.Fprintf(&b, "\nREPLAYED  %s in %s: %s of %s in %s\n", many(stats.Spans, "span"), many(uint64(stats.Files), "file"),
		many(s.Calls, "call"), many(uint64(len(s.Operations)), "operation"), many(uint64(len(services)), "service"))
	fmt.Fprintf(&b, "          %s to %s, %s: %s, of which %d were cut short and not judged\n", s.First.Format(time.DateTime), s.Last.Format(time.DateTime+" MST"),
		alert.Rounded(s.Last.Sub(s.First)), many(uint64(s.Periods), "period"), s.Partial)
	for _, c := range cautions(s, stats) {
		fmt.Fprintf(&b, "CAUTION   %s\n", c)
	}
	writeEpisodes(&b, s)
	writeJudged(&b, s)
	r.out.write(b.String())
}

// cautions says what about the recording makes the result less sure.
func cautions(s *Result, stats recording.Stats) []string {
	var all []string
	if stats.Late > 0 {
		all = append(all, fmt.Sprintf("%s came too late to be put into order: give a longer --grace or a larger --buffer", many(stats.Late, "span")))
	}
	if stats.Unended > 0 {
		all = append(all, fmt.Sprintf("%s without an end, or that ended after 2100, left out", many(stats.Unended, "span")))
	}
	if stats.Bad > 0 {
		all = append(all, fmt.Sprintf("%s left out, the first: %s", many(stats.Bad, "bad line"), alert.Printable(stats.FirstBad.Error())))
	}
	if s.Calls == 0 {
		all = append(all, "no span has a kind that is watched: add theirs to kinds")
	}
	if s.Overflowed > 0 {
		all = append(all, fmt.Sprintf("%s of operations beyond max_operations, judged together", many(s.Overflowed, "call")))
	}
	return all
}

// writeEpisodes writes which alerts fired, when, for how long, and their causes.
func writeEpisodes(b *strings.Builder, s *Result) {
	n := len(s.Episodes)
	if n == 0 {
		b.WriteString("ALERTS    none\n")
		return
	}
	firing := 0
	for _, e := range s.Episodes {
		if e.ResolvedAt.IsZero() {
			firing++
		}
	}
	first := s.Episodes[0]
	fmt.Fprintf(b, "ALERTS    %d fired, %d of them to the end; the first %s after the beginning\n", n, firing, alert.Rounded(first.FiredAt.Sub(s.First)))
	fmt.Fprintf(b, "          first named cause: %s\n", alert.Printable(first.Cause))
	columns := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(columns, "  fired\tbad for\tobjective\tservice\toperation\tcause\n")
	for _, e := range s.Episodes[:min(n, maxEpisodes)] {
		lasted := alert.Rounded(e.Lasted)
		if e.ResolvedAt.IsZero() {
			lasted += "+"
		}
		cause := e.Cause
		if e.isItself {
			cause = "itself"
		}
		_, _ = fmt.Fprintf(columns, "  %s\t%s\t%s\t%s\t%s %s\t%s\n", e.FiredAt.Format(time.TimeOnly), lasted, e.Objective,
			alert.Printable(e.Service), e.SpanKind, cut(alert.Printable(e.Operation), 50), cut(alert.Printable(cause), 70))
	}
	_ = columns.Flush() // a strings.Builder takes everything
	if n > maxEpisodes {
		fmt.Fprintf(b, "  and %d more\n", n-maxEpisodes)
	}
}

// writeJudged writes how many operations were judged, and why others never were.
func writeJudged(b *strings.Builder, s *Result) {
	why := make(map[string][]*Operation)
	judged := 0
	for _, o := range s.Operations {
		if o.NotJudged == "" {
			judged++
			continue
		}
		why[o.NotJudged] = append(why[o.NotJudged], o)
	}
	fmt.Fprintf(b, "JUDGED    %d of %s\n", judged, many(uint64(len(s.Operations)), "operation"))
	for _, reason := range []string{onlyPartial, onlyCancelled, tooFew, notSure} {
		never := why[reason]
		if len(never) == 0 {
			continue
		}
		fmt.Fprintf(b, "  never: %d, %s\n", len(never), reason)
		slices.SortStableFunc(never, func(x, y *Operation) int { return int(min(y.Calls, 1<<30)) - int(min(x.Calls, 1<<30)) })
		for _, o := range never[:min(len(never), maxNames)] {
			fmt.Fprintf(b, "    %s %s of %s: %s", o.SpanKind, cut(alert.Printable(o.Name), 60), alert.Printable(o.Service), many(o.Calls, "call"))
			if reason == tooFew {
				fmt.Fprintf(b, ", min_calls %d", o.minCalls)
			}
			b.WriteString("\n")
		}
		if n := len(never); n > maxNames {
			fmt.Fprintf(b, "    and %d more\n", n-maxNames)
		}
	}
}

// many writes a number with its noun: "1 call", "1,000 calls".
func many(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + what
}

// cut shortens an inert text to at most so many characters.
func cut(s string, most int) string {
	letters := []rune(s)
	if len(letters) <= most {
		return s
	}
	return string(letters[:most-1]) + "…"
}

// stickyWriter keeps its first error, after which it writes nothing.
type stickyWriter struct {
	to  io.Writer
	err error
}

func (w *stickyWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.to.Write(p)
	}
	return len(p), nil
}

func (w *stickyWriter) write(s string) { _, _ = w.Write([]byte(s)) }
