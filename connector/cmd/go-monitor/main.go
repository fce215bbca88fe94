// Command go-monitor is the monitor as a service: an OpenTelemetry Collector that judges every
// operation of the programs that report to it by OTLP, and raises alerts.
//
//	go-monitor                            runs with the embedded config, on loopback
//	go-monitor --config mine.yaml         runs with your own; several are merged
//	go-monitor validate --config mine.yaml
//	go-monitor replay --config mine.yaml spans.jsonl
//	go-monitor learn spans.jsonl
//	go-monitor rules --config mine.yaml
//	go-monitor report --db go-monitor.db --from 2026-03-01 --to 2026-04-01
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // a container has no time zones, and maintenance has some

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/blurooo/go-monitor/connector/learn"
	"github.com/blurooo/go-monitor/connector/replay"
	"github.com/blurooo/go-monitor/connector/report"
	"github.com/blurooo/go-monitor/connector/rules"
)

// version is set at build time: -ldflags "-X main.version=v2.1.0".
var version = ""

func main() {
	// The Collector handles signals only when it is up: an earlier one would end it without a
	// shutdown. A second signal ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "go-monitor: "+readable(err))
		os.Exit(1)
	}
}

// componentHealth is the feature of the Collector by which its health check says what the
// components say of themselves, and not only that they run.
const componentHealth = "extension.healthcheck.useComponentStatus"

// newCommand returns the command with all sub-commands.
func newCommand() *cobra.Command {
	if err := featuregate.GlobalRegistry().Set(componentHealth, true); err != nil {
		panic(err) // the extension no longer has it
	}
	var w written
	settings := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "go-monitor", Description: "judges the quality of every operation", Version: buildVersion()},
		Factories: func() (otelcol.Factories, error) { return factories(&w) },
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			DefaultScheme:      "env",
			ConverterFactories: []confmap.ConverterFactory{newWrittenFactory(&w)},
		}},
		ProviderModules:         map[string]string{},
		DisableGracefulShutdown: true, // main's context ends it
	}
	versions := moduleVersions()
	for module, p := range providers {
		resolver := &settings.ConfigProviderSettings.ResolverSettings
		resolver.ProviderFactories = append(resolver.ProviderFactories, p)
		settings.ProviderModules[p.Create(confmap.ProviderSettings{}).Scheme()] = named(module, versions)
	}
	root := otelcol.NewCommand(settings)
	root.Short = "Judge the quality of every operation that reports by OTLP, and raise alerts"
	root.Long = root.Short + ".\n\nWithout --config it runs with an embedded config, on loopback; \"--config " + defaultURI + " --config FILE\" changes some of that one."
	root.SilenceErrors = true
	for name, usage := range map[string]string{
		"config":        "a `file` that holds the config, or a URI: env:NAME, yaml:TEXT, https://...; of several, later ones win",
		"set":           "one `setting` that wins over the config, such as --set=connectors.gomonitor.period=10s",
		"feature-gates": "`features` of the Collector to switch on, or with '-' off; the command featuregate lists them",
	} {
		root.Flags().Lookup(name).Usage, root.Flags().Lookup(name).DefValue = usage, ""
	}
	withDefaultConfig(root)
	for _, c := range root.Commands() {
		withDefaultConfig(c)
	}
	root.AddCommand(newVersionCommand(), replay.Command(), learn.Command(), rules.Command(), report.Command())
	return root
}

// withDefaultConfig makes a command of the Collector run with the embedded config if it gets no
// --config. So --set alone changes the embedded config.
func withDefaultConfig(c *cobra.Command) {
	const flag = "config"
	if c.Flags().Lookup(flag) == nil {
		return
	}
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed(flag) {
			return nil
		}
		return c.Flags().Set(flag, defaultURI)
	}
}

// newVersionCommand returns the command "version".
func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "go-monitor "+buildVersion())
			return err
		},
	}
}

// buildVersion returns the version that was set at build time, otherwise that of the module.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
