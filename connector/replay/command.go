package replay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/blurooo/go-monitor/connector/recording"
)

// options are the flags of the command.
type options struct {
	configs        []string
	period, grace  time.Duration
	buffer         int
	json, skipBad  bool
	summaries      bool
	brief          bool
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Command returns the command "replay".
func Command() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "replay [flags] [FILE...]",
		Short: "Judge recorded spans, and show which alerts would have fired",
		Long: "Judge recorded spans by their own times, and show which alerts would have fired.\n\n" +
			"Each FILE holds OTLP as the Collector's file exporter writes it, lines of JSON or protobuf, plain or compressed by gzip; - or no FILE is the standard input. " +
			"Nobody is notified and nothing is stored. The same spans give the same output, byte for byte.",
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, files []string) error {
			o.stdin, o.stdout, o.stderr = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
			ctx, stop := signal.NotifyContext(contextOf(c), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, files)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.configs, "config", "c", nil, "a YAML `file` with the connector's settings, or a whole Collector configuration that holds them; of several files, later ones win")
	f.DurationVar(&o.period, "period", 0, "the `length` of a period; wins over the configuration")
	f.DurationVar(&o.grace, "grace", 0, "how late spans may come, in the recording's own `time`; wins over the configuration")
	f.IntVar(&o.buffer, "buffer", recording.DefaultBuffer, "the number of `spans` to hold back to bring them into order, about 500 bytes each")
	f.BoolVar(&o.summaries, "summaries", false, "also show each operation in each period")
	f.BoolVar(&o.brief, "brief", false, "show the verdict alone, without the alerts' evidence")
	f.BoolVar(&o.json, "json", false, "write JSON objects for machines, one a line")
	f.BoolVar(&o.skipBad, "skip-bad", false, "count lines that are not OTLP JSON and go on; without it the first of them ends the replay")
	return c
}

// contextOf returns the context of a command, or the background context if it has none.
func contextOf(c *cobra.Command) context.Context {
	if ctx := c.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// run replays files.
func (o *options) run(ctx context.Context, files []string) error {
	if o.buffer < 1 {
		return fmt.Errorf("--buffer: must be at least 1, got %d", o.buffer)
	}
	c, err := LoadConfig(ctx, o.configs)
	if err != nil {
		return err
	}
	if o.period != 0 {
		c.Period = o.period
	}
	if o.grace != 0 {
		c.Grace = o.grace
	}
	out := bufio.NewWriterSize(o.stdout, 1<<16)
	var report report = &textReport{out: stickyWriter{to: out}, summaries: o.summaries, brief: o.brief}
	if o.json {
		report = &jsonReport{out: stickyWriter{to: out}, summaries: o.summaries}
	}
	progress := newProgress(o.stderr)
	player := recording.Player{
		Files: files, Stdin: o.stdin, Buffer: o.buffer, SkipBad: o.skipBad,
		Progress: func(s recording.Stats) { progress.show(s, time.Now()) },
	}
	result, stats, err := play(ctx, c, player, report.period)
	progress.clear()
	if err != nil {
		return err
	}
	if stats.Spans == 0 {
		return fmt.Errorf("no spans in %d lines", stats.Lines)
	}
	report.verdict(result, stats)
	if err := report.failed(); err != nil {
		return err
	}
	return out.Flush()
}
