package rules

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/blurooo/go-monitor/connector/replay"
)

// Command returns the command "rules".
func Command() *cobra.Command {
	var configs []string
	c := &cobra.Command{
		Use:   "rules [flags]",
		Short: "Write Prometheus rules of the same meaning as the configuration",
		Long: "Write Prometheus recording and alerting rules of the same meaning as the configuration, on the standard output.\n\n" +
			"They judge the metrics that the connector emits, once a period, and fire and resolve in the same period as the monitor. What they can't say, they name.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			config, err := replay.LoadConfig(ctx, configs)
			if err != nil {
				return err
			}
			text, err := Write(config)
			if err != nil {
				return fmt.Errorf("rules: %w", err)
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	c.Flags().StringArrayVarP(&configs, "config", "c", nil, "a YAML `file` with the connector's settings, or a whole Collector configuration of which they are taken; of several, later ones win")
	return c
}
