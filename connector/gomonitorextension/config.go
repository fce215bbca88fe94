package gomonitorextension

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/blurooo/go-monitor/v2/web"
)

// Config says where the page is served, and to whom.
type Config struct {
	// Server is that of any HTTP server of the Collector: endpoint, tls, auth and so on. The
	// endpoint is by default localhost:8890.
	Server confighttp.ServerConfig `mapstructure:",squash"`
	// Hosts are the names under which the page may be asked for, besides those of this machine;
	// "*" allows all. Default: none.
	Hosts []string `mapstructure:"hosts"`
	// TraceURL is where a trace can be looked up: an address in which {trace_id} and {span_id}
	// stand for the ids. Default: ids can be copied.
	TraceURL string `mapstructure:"trace_url"`
}

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value.
func (c *Config) Validate() error { return c.page().Validate() }

// page returns the page's part of c.
func (c *Config) page() web.Config { return web.Config{Hosts: c.Hosts, TraceURL: c.TraceURL} }

func defaultConfig() component.Config {
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "localhost:8890"
	http.TLS = configoptional.None[configtls.ServerConfig]()
	http.WriteTimeout = 0 // streams of events last; the page bounds each event
	return &Config{Server: http}
}
