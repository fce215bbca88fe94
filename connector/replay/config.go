package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/internal/variable"
)

// LoadConfig reads the connector's configuration from YAML files; later ones win. Each holds the
// connector's own block, or a whole Collector configuration with that block in it.
// Environment variables are replaced as in the service. Without a file it returns the default
// configuration.
func LoadConfig(ctx context.Context, files []string) (*gomonitorconnector.Config, error) {
	c := new(gomonitorconnector.Config)
	all := confmap.New()
	for _, name := range files {
		conf, err := load(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		block, err := blockOf(conf)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := all.Merge(block); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := gomonitorconnector.Read(all, c); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(files, ", "), err)
	}
	return c, nil
}

// load reads one file as the Collector does.
func load(ctx context.Context, name string) (*confmap.Conf, error) {
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              []string{"file:" + name},
		ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), variable.NewFactory()},
		DefaultScheme:     "env",
	})
	if err != nil {
		return nil, err
	}
	conf, err := resolver.Resolve(ctx)
	return conf, errors.Join(err, resolver.Shutdown(ctx))
}

// connectorsKey is the key of the connectors in a Collector configuration.
const connectorsKey = "connectors"

// blockOf returns the connector's block of a configuration.
func blockOf(conf *confmap.Conf) (*confmap.Conf, error) {
	whole := conf.ToStringMap()
	_, hasConnectors := whole[connectorsKey]
	_, hasService := whole["service"].(map[string]any) // the connector's own key of that name is a string
	if !hasConnectors && !hasService {
		return conf, nil
	}
	connectors, _ := whole[connectorsKey].(map[string]any)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(connectors)) {
		var id component.ID
		if id.UnmarshalText([]byte(name)) == nil && id.Type() == gomonitorconnector.Type {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("connectors: none of the type %s", gomonitorconnector.Type)
	case 1:
	default:
		return nil, fmt.Errorf("connectors: there must be one of type gomonitor, got %s", strings.Join(names, ", "))
	}
	block, ok := connectors[names[0]].(map[string]any)
	if connectors[names[0]] != nil && !ok {
		return nil, fmt.Errorf("connectors.%s: must be a map", names[0])
	}
	return confmap.NewFromStringMap(block), nil
}
