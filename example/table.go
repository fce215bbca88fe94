package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// columns are the operations that the table shows.
var columns = []string{"GET /products/{id}", "SELECT products", "POST /orders", "HTTP POST 127.0.0.1"}

const columnWidth = 24

// table is a sink that writes each period as one line.
type table struct {
	w    io.Writer
	rows int
}

func newTable(w io.Writer) *table { return &table{w: w} }

// Consume writes a period. Bad values have an exclamation mark, and are red on a terminal.
func (t *table) Consume(_ context.Context, p engine.Period) error {
	var b strings.Builder
	if t.rows%10 == 0 {
		t.header(&b)
	}
	t.rows++
	b.WriteString(p.Start.Format(time.TimeOnly))
	for _, c := range columns {
		b.WriteString("  ")
		if s := find(p.Summaries, c); s != nil {
			t.cell(&b, s)
		} else {
			fmt.Fprintf(&b, "%-*s", columnWidth-2, "     -")
		}
	}
	if p.Partial {
		b.WriteString(" partial")
	}
	_, err := io.WriteString(t.w, strings.TrimRight(b.String(), " ")+"\n")
	return err
}

func (t *table) header(b *strings.Builder) {
	fmt.Fprintf(b, "\n%-8s", "")
	for _, c := range columns {
		fmt.Fprintf(b, "  %-*s", columnWidth-2, c)
	}
	fmt.Fprintf(b, "\n%-8s", "")
	for range columns {
		fmt.Fprintf(b, "  %-*s", columnWidth-2, "calls  success    p90")
	}
	b.WriteString("\n")
}

func (t *table) cell(b *strings.Builder, s *engine.Summary) {
	fmt.Fprintf(b, "%5d  ", s.Count)
	b.WriteString(mark(fmt.Sprintf("%7s", alert.Percent(s.SuccessRatio)), s.Verdicts.Availability))
	b.WriteString(mark(fmt.Sprintf("%6s", short(s.Latency.P90)), s.Verdicts.Latency))
}

// mark marks a bad value.
func mark(text string, v engine.Verdict) string {
	if v != engine.VerdictBad {
		return text + " "
	}
	return red(text + "!")
}

// short writes a duration in at most six characters.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%dms", d.Round(time.Millisecond).Milliseconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%dµs", d.Microseconds())
	}
}

func find(summaries []engine.Summary, operation string) *engine.Summary {
	for i := range summaries {
		if summaries[i].Operation == operation {
			return &summaries[i]
		}
	}
	return nil
}

// colored says whether stdout is a terminal that wants colours.
var colored = func() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}()

func red(s string) string       { return paint("31", s) }
func emphasize(s string) string { return paint("1", s) }

func paint(code, s string) string {
	if !colored {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
