package learn

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/replay"
)

// Command returns the command "learn".
func Command() *cobra.Command {
	var configs []string
	s := DefaultSettings()
	player := recording.Player{}
	c := &cobra.Command{
		Use:   "learn [flags] [FILE...]",
		Short: "Propose a configuration from recorded spans of healthy traffic",
		Long: "Propose a configuration from recorded spans of healthy traffic, with the reasons as comments, on the standard output.\n\n" +
			"Each FILE holds OTLP as the Collector's file exporter writes it, lines of JSON or protobuf, plain or compressed by gzip; - or no FILE is the standard input.",
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, files []string) error {
			ctx := c.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			if err := s.Validate(); err != nil {
				return err
			}
			config, err := replay.LoadConfig(ctx, configs)
			if err != nil {
				return err
			}
			player.Files, player.Stdin = files, c.InOrStdin()
			p, stats, err := s.learn(ctx, config, player)
			if err != nil {
				return err
			}
			text, err := p.write(stats)
			if err != nil {
				return err
			}
			if stats.Bad > 0 {
				_, _ = fmt.Fprintf(c.ErrOrStderr(), "%d bad lines left out, the first: %v\n", stats.Bad, stats.FirstBad) // nobody is left to tell
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&configs, "config", "c", nil, "a YAML `file` with the connector's settings, as for replay: which kinds are watched, which codes are failures")
	f.DurationVar(&s.Within, "within", s.Within, "the `time` within which an alert should follow a fault; with a longer one it takes more to fire")
	f.Float64Var(&s.Share, "share", s.Share, "the `share` of the calls that must be within the latency target, 0.5 to 0.999")
	f.Float64Var(&s.Margin, "margin", s.Margin, "how many `times` longer than in the recording calls may take")
	f.Float64Var(&s.Sure, "sure", s.Sure, "the `confidence` of the bounds that are computed from few calls, 0.5 to 1")
	f.BoolVar(&s.PeerServices, "peer-services", s.PeerServices, "tell the calls of clients apart by the service that they reach; switch it off if another instance of go-monitor judges those services")
	f.DurationVar(&player.Grace, "grace", 10*time.Second, "how late spans may come, in the recording's own `time`")
	f.IntVar(&player.Buffer, "buffer", recording.DefaultBuffer, "the number of `spans` to hold back to bring them into order, about 500 bytes each")
	f.BoolVar(&player.SkipBad, "skip-bad", false, "count lines that are not OTLP JSON and go on")
	return c
}
