package gomonitorreceiver

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/blurooo/go-monitor/connector/internal/strict"
)

// Config says where spans are received.
type Config struct {
	// Protocols are those by which spans come in. Default: none.
	Protocols Protocols `mapstructure:"protocols"`
	// MaxInFlightMiB bounds the memory of the requests that are being read or counted, in MiB:
	// what comes beyond is refused, and the sender is told to try again a second later. Default
	// 64.
	MaxInFlightMiB int `mapstructure:"max_in_flight_mib"`
}

// Protocols are the protocols of OTLP.
type Protocols struct {
	// GRPC is OTLP by gRPC, by default on localhost:4317.
	GRPC configoptional.Optional[configgrpc.ServerConfig] `mapstructure:"grpc"`
	// HTTP is OTLP by HTTP, protobuf and JSON, by default on localhost:4318.
	HTTP configoptional.Optional[HTTPConfig] `mapstructure:"http"`
}

// HTTPConfig says how spans are received by HTTP.
type HTTPConfig struct {
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`
	// TracesURLPath is the path under which spans are received. Default /v1/traces.
	TracesURLPath string `mapstructure:"traces_url_path,omitempty"`
}

const (
	defaultInFlight = 64
	maxInFlight     = 1 << 20
	defaultPath     = "/v1/traces"
)

var _ confmap.Unmarshaler = (*Config)(nil)

// Unmarshal reads the configuration. Its errors say what was probably meant.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return strict.Unmarshal(conf, c) }

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c *Config) Validate() error {
	var errs []error
	if !c.Protocols.GRPC.HasValue() && !c.Protocols.HTTP.HasValue() {
		errs = append(errs, errors.New("protocols: must have grpc, http or both"))
	}
	if c.MaxInFlightMiB < 0 || c.MaxInFlightMiB > maxInFlight {
		errs = append(errs, fmt.Errorf("max_in_flight_mib: must be between 1 and %d, got %d", maxInFlight, c.MaxInFlightMiB))
	}
	if c.Protocols.HTTP.HasValue() {
		if path := c.Protocols.HTTP.Get().TracesURLPath; strings.ContainsAny(path, " ?#{}") {
			errs = append(errs, fmt.Errorf("protocols.http.traces_url_path: must be a path, got %q", path))
		}
	}
	return errors.Join(errs...)
}

// defaultConfig returns the configuration that the receiver otlp has by default.
func defaultConfig() component.Config {
	grpc := configgrpc.NewDefaultServerConfig()
	grpc.NetAddr.Endpoint = "localhost:4317"
	grpc.ReadBufferSize = 512 << 10
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "localhost:4318"
	http.TLS = configoptional.None[configtls.ServerConfig]()
	http.WriteTimeout, http.ReadHeaderTimeout = 0, 0
	return &Config{
		Protocols: Protocols{
			GRPC: configoptional.Default(grpc),
			HTTP: configoptional.Default(HTTPConfig{ServerConfig: http, TracesURLPath: defaultPath}),
		},
		MaxInFlightMiB: defaultInFlight,
	}
}
