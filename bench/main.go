// Command bench measures what go-monitor costs, beside its predecessor of 2018 and the
// libraries that a program would use instead, and prints one table. All variants of a piece of
// work run in one process, in turn in each of several rounds, so that a disturbance hits all of
// them: compare ratios.
//
// It also writes every round to a file for benchstat.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
)

func main() {
	// The library of 2018 always prints every summary to os.Stdout.
	stdout := os.Stdout
	// Monitors that are overloaded on purpose report errors.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err == nil {
		os.Stdout = quiet
		err = run(os.Args[1:], stdout, os.Stderr)
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings say how much is measured.
type settings struct {
	rounds int
	// trial is the number of operations of the trial that decides how many a round has.
	trial int
	// round is how long one measurement of one variant takes.
	round time.Duration
	// reports is the number of reports of an end-to-end run.
	reports int
	// perName is the number of reports for each operation when memory is measured.
	perName int
	// paced is how long the paced run takes, idle how long the CPU time of an idle
	// monitor is watched.
	paced, idle time.Duration
}

var (
	fullSettings  = settings{rounds: 8, trial: 1 << 14, round: 60 * time.Millisecond, reports: 5_000_000, perName: 500, paced: 2 * time.Second, idle: time.Second}
	shortSettings = settings{rounds: 4, trial: 1 << 14, round: 20 * time.Millisecond, reports: 1_000_000, perName: 100, paced: 500 * time.Millisecond, idle: time.Second}
)

// run is the command.
func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	short := flags.Bool("short", false, "measure less, and fail on allocations and on ratios worse than half of their target")
	rounds := flags.Int("rounds", 0, "the number of `rounds` of each variant (default 8, short 4)")
	only := flags.String("run", "", "measure only the groups whose title matches this `regexp`")
	path := flags.String("o", "", "write the benchstat `file` here (default results/<time>.txt)")
	profile := flags.String("cpuprofile", "", "write a CPU profile to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	s := fullSettings
	if *short {
		s = shortSettings
	}
	if *rounds < 0 {
		return fmt.Errorf("-rounds: must not be negative, got %d", *rounds)
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	if *path == "" {
		*path = filepath.Join("results", time.Now().UTC().Format("20060102-150405")+".txt")
	}
	if *profile != "" {
		stop, err := startProfile(*profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	t, err := measureAll(s, wanted.MatchString, stderr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, t.text()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := writeResults(*path, t); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "every round, for benchstat: %s\n", *path); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if *short {
		return t.failures()
	}
	return nil
}

// measureAll measures the groups that are wanted.
func measureAll(s settings, wanted func(title string) bool, progress io.Writer) (*table, error) {
	began := time.Now()
	t := &table{system: describe(s)}
	for _, g := range groups {
		if !wanted(g.title) {
			continue
		}
		_, _ = fmt.Fprintf(progress, "%s ...\n", g.title)
		measured, err := g.measure(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.title, err)
		}
		t.groups = append(t.groups, measured)
	}
	slices.SortStableFunc(t.groups, func(a, b *group) int { return cmp.Compare(a.title[0], b.title[0]) })
	t.took = time.Since(began)
	return t, nil
}

// startProfile begins a CPU profile; stop ends it.
func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("-cpuprofile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("-cpuprofile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// writeResults writes the file that benchstat reads.
func writeResults(path string, t *table) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := errors.Join(t.writeBenchstat(f), f.Close()); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
