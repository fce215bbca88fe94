package gomonitorexporter

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"

	"github.com/blurooo/go-monitor/connector/internal/strict"
	"github.com/blurooo/go-monitor/v2/settings"
)

// Config says over which instances spans are spread.
type Config struct {
	// Endpoints are the instances, as host:port, in any order, the same ones in every first tier.
	Endpoints []string `mapstructure:"endpoints"`
	// SplitServices are the names of the services whose operations are spread over all instances;
	// "*" stands for all. What failed because of what can then not be told. Default: none.
	SplitServices []string `mapstructure:"split_services"`
	// GRPC says how to call the instances. Its endpoint is of no use.
	GRPC configgrpc.ClientConfig `mapstructure:"grpc"`
	// Timeout is the time that one call may take. Default 30s.
	Timeout time.Duration `mapstructure:"timeout"`
	// Retry says how a call is repeated that failed for now. Default: after 500ms, up to 5s, for
	// 10m.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// BatchTimeout is how long spans wait for others, to be sent together. Default 200ms.
	BatchTimeout time.Duration `mapstructure:"batch_timeout"`
	// MaxQueueMiB bounds what waits for one instance, in MiB: beyond that, requests are refused.
	// Default 64.
	MaxQueueMiB int `mapstructure:"max_queue_mib"`
}

// All stands for every service.
const All = "*"

const maxQueue = 1 << 20

func defaultConfig() component.Config {
	c := &Config{GRPC: configgrpc.NewDefaultClientConfig(), Timeout: 30 * time.Second, Retry: configretry.NewDefaultBackOffConfig(), BatchTimeout: 200 * time.Millisecond, MaxQueueMiB: 64}
	c.Retry.InitialInterval, c.Retry.MaxInterval, c.Retry.MaxElapsedTime = 500*time.Millisecond, 5*time.Second, 10*time.Minute
	return c
}

var _ confmap.Unmarshaler = (*Config)(nil)

// Unmarshal reads the configuration. Its errors say what was probably meant.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return strict.Unmarshal(conf, c) }

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Endpoints) == 0 {
		errs = append(errs, errors.New("endpoints: must name at least one instance"))
	}
	errs = append(errs, differ("endpoints", c.Endpoints)...)
	errs = append(errs, differ("split_services", c.SplitServices)...)
	if c.GRPC.Endpoint != "" {
		errs = append(errs, fmt.Errorf("grpc.endpoint: is of no use, endpoints are; got %q", c.GRPC.Endpoint))
	}
	within := func(key string, d time.Duration) {
		if d == 0 {
			errs = append(errs, fmt.Errorf("%s: must be above 0s", key))
		}
		errs = append(errs, settings.Range{High: time.Hour}.Check(key, d))
	}
	within("timeout", c.Timeout)
	within("batch_timeout", c.BatchTimeout)
	if c.MaxQueueMiB < 1 || c.MaxQueueMiB > maxQueue {
		errs = append(errs, fmt.Errorf("max_queue_mib: must be between 1 and %d, got %d", maxQueue, c.MaxQueueMiB))
	}
	return errors.Join(errs...)
}

// differ returns an error for each entry of a list that is empty or there already.
func differ(key string, list []string) (errs []error) {
	seen := map[string]bool{}
	for i, v := range list {
		switch {
		case v == "":
			errs = append(errs, fmt.Errorf("%s[%d]: must not be empty", key, i))
		case seen[v]:
			errs = append(errs, fmt.Errorf("%s[%d]: %q is there twice", key, i, v))
		}
		seen[v] = true
	}
	return errs
}
