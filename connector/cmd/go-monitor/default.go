package main

import (
	"context"
	_ "embed"
	"fmt"

	"go.opentelemetry.io/collector/confmap"
)

// The default config is embedded. Its name is "default:", so that "--config default: --config
// mine.yaml" changes some of it.
const (
	defaultScheme = "default"
	defaultURI    = defaultScheme + ":"
	defaultModule = "github.com/blurooo/go-monitor/connector"
)

//go:embed default.yaml
var defaultConfig []byte

// defaultProvider provides the embedded config.
type defaultProvider struct{}

func newDefaultProviderFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return defaultProvider{} })
}

// Retrieve returns the embedded config for "default:".
func (defaultProvider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	if uri != defaultURI {
		return nil, fmt.Errorf("%q: the only embedded config is %q", uri, defaultURI)
	}
	return confmap.NewRetrievedFromYAML(defaultConfig)
}

// Scheme returns "default".
func (defaultProvider) Scheme() string { return defaultScheme }

// Shutdown does nothing.
func (defaultProvider) Shutdown(context.Context) error { return nil }
