// Package variable reads values of a configuration from environment variables.
package variable

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
)

// NewFactory returns the Collector's provider of the scheme env, for which a variable that is not
// set and has no default is an error. The Collector's own makes nothing of it, and the key that
// then lacks a value is far from the cause.
func NewFactory() confmap.ProviderFactory {
	factory := envprovider.NewFactory()
	return confmap.NewProviderFactory(func(s confmap.ProviderSettings) confmap.Provider {
		return provider{factory.Create(s)}
	})
}

type provider struct{ confmap.Provider }

// Retrieve returns the value of a variable.
func (p provider) Retrieve(ctx context.Context, uri string, w confmap.WatcherFunc) (*confmap.Retrieved, error) {
	name, _, hasDefault := strings.Cut(strings.TrimPrefix(uri, p.Scheme()+":"), ":-")
	if _, ok := os.LookupEnv(name); !ok && !hasDefault {
		return nil, fmt.Errorf("the environment variable %s is not set, and ${env:%s} has no default, as ${env:%s:-default} has", name, name, name)
	}
	return p.Provider.Retrieve(ctx, uri, w)
}
