package main

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/zap/zapcore"
)

// quietTelemetry is the Collector's telemetry of itself that logs warnings and errors, not
// every step, unless service::telemetry::logs::level says otherwise.
type quietTelemetry struct{ telemetry.Factory }

// newTelemetryFactory returns the telemetry of this service.
func newTelemetryFactory() telemetry.Factory {
	return quietTelemetry{otelconftelemetry.NewFactory()}
}

// CreateDefaultConfig returns the Collector's defaults with quieter logs.
func (q quietTelemetry) CreateDefaultConfig() component.Config {
	c := q.Factory.CreateDefaultConfig()
	if c, ok := c.(*otelconftelemetry.Config); ok {
		c.Logs.Level = zapcore.WarnLevel
		c.Logs.DisableStacktrace = true
		c.Logs.DisableCaller = true
	}
	return c
}
