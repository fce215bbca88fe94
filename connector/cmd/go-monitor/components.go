package main

import (
	"runtime/debug"
	"slices"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/gomonitorexporter"
	"github.com/blurooo/go-monitor/connector/gomonitorextension"
	"github.com/blurooo/go-monitor/connector/gomonitorreceiver"
	"github.com/blurooo/go-monitor/connector/groupbyoperation"
	"github.com/blurooo/go-monitor/connector/internal/nesting"
	"github.com/blurooo/go-monitor/connector/internal/variable"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpsprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/zpagesextension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// part is a component and its module.
type part[F component.Factory] struct {
	module  string
	factory F
}

// The components of the service. A config can use these and no others; builder-config.yaml
// lists the same ones.
var (
	receivers = []part[receiver.Factory]{
		{"github.com/blurooo/go-monitor/connector", gomonitorreceiver.NewFactory()},
		{"go.opentelemetry.io/collector/receiver/otlpreceiver", nesting.Bound()},
	}
	processors = []part[processor.Factory]{
		{"go.opentelemetry.io/collector/processor/batchprocessor", batchprocessor.NewFactory()},
		{"go.opentelemetry.io/collector/processor/memorylimiterprocessor", memorylimiterprocessor.NewFactory()},
		{"github.com/blurooo/go-monitor/connector", groupbyoperation.NewFactory()},
	}
	exporters = []part[exporter.Factory]{
		{"github.com/blurooo/go-monitor/connector", gomonitorexporter.NewFactory()},
		{"go.opentelemetry.io/collector/exporter/debugexporter", debugexporter.NewFactory()},
		{"go.opentelemetry.io/collector/exporter/otlpexporter", otlpexporter.NewFactory()},
		{"go.opentelemetry.io/collector/exporter/otlphttpexporter", otlphttpexporter.NewFactory()},
		{"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter", fileexporter.NewFactory()},
		{"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter", loadbalancingexporter.NewFactory()},
		{"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter", prometheusexporter.NewFactory()},
	}
	connectors = []part[connector.Factory]{
		{"github.com/blurooo/go-monitor/connector", gomonitorconnector.NewFactory()},
	}
	extensions = []part[extension.Factory]{
		{"github.com/blurooo/go-monitor/connector", gomonitorextension.NewFactory()},
		{"go.opentelemetry.io/collector/extension/zpagesextension", zpagesextension.NewFactory()},
		{"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension", healthcheckextension.NewFactory()},
		{"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage", filestorage.NewFactory()},
	}
	// providers say where a config, or a value in it, may come from; "default:" is the
	// embedded one.
	providers = map[string]confmap.ProviderFactory{
		"go.opentelemetry.io/collector/confmap/provider/envprovider":   variable.NewFactory(),
		"go.opentelemetry.io/collector/confmap/provider/fileprovider":  fileprovider.NewFactory(),
		"go.opentelemetry.io/collector/confmap/provider/httpprovider":  httpprovider.NewFactory(),
		"go.opentelemetry.io/collector/confmap/provider/httpsprovider": httpsprovider.NewFactory(),
		"go.opentelemetry.io/collector/confmap/provider/yamlprovider":  yamlprovider.NewFactory(),
		defaultModule: newDefaultProviderFactory(),
	}
)

// factories returns the factories of all components, and of the extension welcome.
func factories(w *written) (f otelcol.Factories, err error) {
	extensions := append(slices.Clone(extensions), part[extension.Factory]{welcomeModule, newWelcomeFactory(w)})
	versions := moduleVersions()
	if f.Receivers, f.ReceiverModules, err = register(versions, receivers); err != nil {
		return f, err
	}
	if f.Processors, f.ProcessorModules, err = register(versions, processors); err != nil {
		return f, err
	}
	if f.Exporters, f.ExporterModules, err = register(versions, exporters); err != nil {
		return f, err
	}
	if f.Connectors, f.ConnectorModules, err = register(versions, connectors); err != nil {
		return f, err
	}
	if f.Extensions, f.ExtensionModules, err = register(versions, extensions); err != nil {
		return f, err
	}
	f.Telemetry = otelconftelemetry.NewFactory()
	return f, nil
}

// register returns components and their modules by type.
func register[F component.Factory](versions map[string]string, parts []part[F]) (map[component.Type]F, map[component.Type]string, error) {
	all := make([]F, len(parts))
	modules := make(map[component.Type]string, len(parts))
	for i, p := range parts {
		all[i] = p.factory
		modules[p.factory.Type()] = named(p.module, versions)
	}
	byType, err := otelcol.MakeFactoryMap(all...)
	return byType, modules, err
}

// named returns a module with its version, if that is known.
func named(module string, versions map[string]string) string {
	if v := versions[module]; v != "" {
		return module + " " + v
	}
	return module
}

// moduleVersions returns the version of every module that this program is built from.
func moduleVersions() map[string]string {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
	}
	return versions
}
