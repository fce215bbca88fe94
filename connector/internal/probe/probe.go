// Package probe keeps the modules of the service in go.mod until that imports them.
package probe

import (
	_ "github.com/blurooo/go-monitor/mail"
	_ "github.com/blurooo/go-monitor/store"
	_ "github.com/blurooo/go-monitor/v2/alert/alertmanager"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	_ "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	_ "go.opentelemetry.io/collector/connector/connectortest"
	_ "go.opentelemetry.io/collector/exporter/debugexporter"
	_ "go.opentelemetry.io/collector/exporter/otlpexporter"
	_ "go.opentelemetry.io/collector/exporter/otlphttpexporter"
	_ "go.opentelemetry.io/collector/extension/zpagesextension"
	_ "go.opentelemetry.io/collector/otelcol"
	_ "go.opentelemetry.io/collector/otelcol/otelcoltest"
	_ "go.opentelemetry.io/collector/processor/batchprocessor"
	_ "go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	_ "go.opentelemetry.io/collector/receiver/otlpreceiver"
)
