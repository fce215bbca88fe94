package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/human"
)

const (
	// maxTableRows is the number of operations that a person is shown each period.
	maxTableRows = 20
	// headerEvery is the number of lines after which the table says again what its columns are.
	headerEvery = 40
)

// Table returns a sink for people: a line for each operation that was called, with its calls,
// success ratio, 90th percentile and most frequent failures, the worst operation first and at most
// 20 a period. A value that missed its objective has an exclamation mark. It writes each period
// with one call of Write. Names and codes come out printable.
func Table(w io.Writer) Sink {
	t := &table{w: w}
	return SinkFunc(func(_ context.Context, p Period) error { return t.write(&p) })
}

// table writes periods. A sink is called by one goroutine at a time, but a table may be the sink
// of several monitors.
type table struct {
	mu    sync.Mutex
	w     io.Writer
	lines int // since the header
}

func (t *table) write(p *Period) error {
	called := worstFirst(p.Summaries)
	if len(called) == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	if t.lines == 0 || t.lines >= headerEvery {
		fmt.Fprintf(&b, "%8s %7s %9s  %8s\n", "", "calls", "success", "p90")
		t.lines = 0
	}
	clock := p.End.Format(time.TimeOnly)
	for i, s := range called {
		t.lines++
		if i == maxTableRows {
			fmt.Fprintf(&b, "%s  and %d operations more\n", clock, len(called)-i)
			break
		}
		fmt.Fprintf(&b, "%s %7d %s %s  %s\n", clock, s.Count, successCell(s), latencyCell(s), nameCell(s))
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// worstFirst returns the operations that were called, or have calls in flight.
func worstFirst(summaries []Summary) []*Summary {
	var called []*Summary
	for i := range summaries {
		if s := &summaries[i]; s.Count > 0 || s.InFlight > 0 {
			called = append(called, s)
		}
	}
	bad := func(s *Summary) int {
		if s.Verdicts.isBad() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(called, func(a, b *Summary) int {
		return cmp.Or(bad(a)-bad(b), cmp.Compare(a.SuccessRatio, b.SuccessRatio), cmp.Compare(a.WithinTargetRatio, b.WithinTargetRatio), cmp.Compare(b.Count, a.Count))
	})
	return called
}

func successCell(s *Summary) string {
	text := "-"
	if s.Success+s.Failure > 0 {
		text = human.Percent(s.SuccessRatio, s.Objective.SuccessRatio)
	}
	return marked(9, text, s.Verdicts.Availability)
}

func latencyCell(s *Summary) string {
	text := "-"
	if s.Timed() > 0 {
		text = human.ThreeDigits(s.Latency.P90).String()
	}
	return marked(8, text, s.Verdicts.Latency)
}

// marked writes a value in a column, with its mark.
func marked(width int, text string, v Verdict) string {
	mark := " "
	if v == VerdictBad {
		mark = "!"
	}
	return fmt.Sprintf("%*s%s", width, text, mark)
}

// nameCell names an operation, with what else there is to say.
func nameCell(s *Summary) string {
	var b strings.Builder
	b.WriteString(human.Printable(s.Operation))
	if s.SpanKind != SpanKindUnspecified {
		fmt.Fprintf(&b, " (%s)", s.SpanKind)
	}
	if codes := CodesText(s.Failures); codes != "" {
		b.WriteString(": " + codes)
	}
	if s.InFlight > 0 {
		fmt.Fprintf(&b, ", %d in flight", s.InFlight)
	}
	return b.String()
}
