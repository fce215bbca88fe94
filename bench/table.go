package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// table is everything that was measured.
type table struct {
	system system
	groups []*group
	took   time.Duration
}

// text is the table for people.
func (t *table) text() string {
	w := new(strings.Builder)
	for _, line := range t.system.lines() {
		fmt.Fprintln(w, line)
	}
	for _, g := range t.groups {
		fmt.Fprintf(w, "\n%-61s %9s %9s %7s %6s %7s  %s\n", g.title, "min", "median", "allocs", "B", "x ours", "target")
		work := ""
		for _, p := range g.probes {
			if p.work != work {
				work = p.work
				fmt.Fprintf(w, "  %s\n", work)
			}
			fmt.Fprintln(w, strings.TrimRight(p.line(), " "))
		}
		if g.note != "" {
			fmt.Fprintf(w, "  (%s)\n", g.note)
		}
	}
	met, all := t.score()
	fmt.Fprintf(w, "\n%d of %d targets met; measured in %s\n", met, all, t.took.Round(time.Second))
	return w.String()
}

// line is a probe's line.
func (p *probe) line() string {
	allocs, bytes := "", ""
	if a, b, ok := p.memory(); ok {
		allocs, bytes = count(a), count(b)
	}
	times := ""
	if p.baseline.isMeasured() && p.baseline.minimum() > 0 {
		times = fmt.Sprintf("%.2f", p.minimum()/p.baseline.minimum())
	}
	targets := make([]string, 0, len(p.targets)+1)
	for _, t := range p.targets {
		targets = append(targets, t.text(p))
	}
	if p.note != "" {
		targets = append(targets, p.note)
	}
	return fmt.Sprintf("    %-47s %9s %9s %9s %7s %6s %7s  %s", p.who, p.unit,
		number(p.minimum(), ""), number(p.median(), ""), allocs, bytes, times, strings.Join(targets, "; "))
}

// number writes a value with as many decimals as are worth reading.
func number(v float64, unit string) string {
	decimals := 0
	switch {
	case v == float64(int64(v)):
	case v < 10:
		decimals = 2
	case v < 100:
		decimals = 1
	}
	return strings.TrimRight(strconv.FormatFloat(v, 'f', decimals, 64)+" "+strings.TrimSuffix(unit, "/op"), " ")
}

// plain writes a number without needless decimals.
func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// count writes allocations, of which those that are not the operation's own are not worth reading.
func count(v float64) string {
	switch {
	case v < 0.01:
		return "0"
	case v < 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// score returns how many targets were met, of those that could be.
func (t *table) score() (hit, all int) {
	for _, g := range t.groups {
		for _, p := range g.probes {
			for _, want := range p.targets {
				switch want.verdict(p) {
				case met:
					hit++
					all++
				case missed:
					all++
				}
			}
		}
	}
	return hit, all
}

// failures returns one error for each target that is missed by more than noise explains.
func (t *table) failures() error {
	var errs []error
	for _, g := range t.groups {
		for _, p := range g.probes {
			for _, want := range p.targets {
				if want.isFarOff(p) {
					errs = append(errs, fmt.Errorf("far from its target: %s: %s: %s: %s", g.title, p.work, p.who, want.text(p)))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// writeBenchstat writes every round in the format of testing's benchmarks.
func (t *table) writeBenchstat(w io.Writer) error {
	_, err := fmt.Fprintf(w, "goos: %s\ngoarch: %s\npkg: github.com/blurooo/go-monitor/bench\ncpu: %s\ncommit: %s\n",
		runtime.GOOS, runtime.GOARCH, cmp.Or(t.system.cpu, "unknown"), cmp.Or(t.system.commit, "unknown"))
	for _, g := range t.groups {
		for _, p := range g.probes {
			for _, s := range p.samples {
				line := fmt.Sprintf("Benchmark%s/who=%s-%d %d %s %s", p.key, slug(p.who), t.system.procs, max(1, s.n), strconv.FormatFloat(s.value, 'f', -1, 64), p.unit)
				if s.hasMemory {
					line += fmt.Sprintf(" %.0f B/op %.0f allocs/op", s.bytes, s.allocs)
				}
				_, e := fmt.Fprintln(w, line)
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

// slug makes a name that can be part of a benchmark's.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String(), "_")
}
