package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
)

const welcomeModule = "github.com/blurooo/go-monitor/connector"

// welcome is an extension. Once the service is ready it prints where it listens, where the
// results go, and how to report a first call.
type welcome struct {
	component.StartFunc
	component.ShutdownFunc
	version string
	written *written
	out     io.Writer
	text    string
}

// written is a converter of configs that changes nothing. It keeps the connectors' part, which
// the Collector hides from extensions because it may hold secrets. It belongs to the goroutine
// that runs the Collector.
type written struct{ connectors *confmap.Conf }

// newWrittenFactory returns a factory that makes w known to the Collector.
func newWrittenFactory(w *written) confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return w })
}

// Convert keeps the connectors' part.
func (w *written) Convert(_ context.Context, c *confmap.Conf) error {
	connectors, _ := c.Get("connectors").(map[string]any)
	w.connectors = confmap.NewFromStringMap(connectors)
	return nil
}

var (
	_ extensioncapabilities.ConfigSnapshotWatcher = (*welcome)(nil)
	_ extensioncapabilities.PipelineWatcher       = (*welcome)(nil)
)

// welcomeConfig is the config of a welcome. It has no keys.
type welcomeConfig struct{}

// newWelcomeFactory returns a factory of welcomes that read the connectors' part from w.
func newWelcomeFactory(w *written) extension.Factory {
	return extension.NewFactory(component.MustNewType("welcome"),
		func() component.Config { return &welcomeConfig{} },
		func(_ context.Context, set extension.Settings, _ component.Config) (extension.Extension, error) {
			return &welcome{version: set.BuildInfo.Version, written: w, out: os.Stdout}, nil
		}, component.StabilityLevelStable)
}

// NotifyConfigSnapshot makes the text from the config that the service runs with, and sets how often
// garbage is collected.
func (w *welcome) NotifyConfigSnapshot(_ context.Context, s extensioncapabilities.ConfigSnapshot) error {
	collectGarbage(s.Effective())
	w.text = welcomeText(w.version, s.Effective(), w.written.connectors)
	return nil
}

// Ready prints the text: everything listens now.
func (w *welcome) Ready() error {
	if _, err := io.WriteString(w.out, w.text); err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	return nil
}

// NotReady does nothing.
func (w *welcome) NotReady() error { return nil }

// welcomeText describes a service that runs with config c and these connectors.
func welcomeText(version string, c, connectors *confmap.Conf) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\ngo-monitor %s is ready.\n\n", version)
	line := func(what, where string) {
		if where != "" {
			fmt.Fprintf(&b, "  %-16s %s\n", what, where)
		}
	}
	for _, id := range strs(c.Get("service::extensions")) {
		if isOf(id, "gomonitor") {
			line("page", "http://"+reachable(text(c, "extensions", id, "endpoint"))+"/")
		}
	}
	var curl string
	for _, id := range used(c, "receivers") {
		line("spans by gRPC", text(c, "receivers", id, "protocols", "grpc", "endpoint"))
		if http := text(c, "receivers", id, "protocols", "http", "endpoint"); http != "" {
			curl = "http://" + reachable(http) + text(c, "receivers", id, "protocols", "http", "traces_url_path")
			line("spans by HTTP", curl)
		}
	}
	for _, id := range used(c, "exporters") {
		if !isOf(id, "gomonitor") {
			continue
		}
		if instances := strs(c.Get("exporters::" + id + "::endpoints")); len(instances) > 0 {
			line("spans go to", strings.Join(instances, ", "))
			continue
		}
		period := text(connectors, id, "period")
		if period == "" {
			period = "1m"
		}
		line("judged every", period)
		var names []string
		for _, n := range list(connectors, id, "notifiers") {
			names = append(names, notifierName(n))
		}
		line("alerts go to", strings.Join(names, ", "))
		for _, s := range list(connectors, id, "stores") {
			if s, ok := s.(map[string]any); ok {
				line("database", database(s["dsn"]))
			}
		}
	}
	for _, id := range used(c, "exporters") {
		if isOf(id, "prometheus") {
			line("metrics", "http://"+reachable(text(c, "exporters", id, "endpoint"))+"/metrics")
		}
	}
	for _, id := range strs(c.Get("service::extensions")) {
		if isOf(id, "health_check") {
			line("health", "http://"+reachable(text(c, "extensions", id, "http", "endpoint"))+text(c, "extensions", id, "http", "status", "path"))
		}
	}
	if curl != "" {
		fmt.Fprintf(&b, "\nReport a first call, one that failed:\n\n%s\n", firstSpan(curl))
	}
	return b.String() + "\n"
}

// firstSpan returns a shell command that reports a failed call.
func firstSpan(url string) string {
	return `T=$(date +%s); curl ` + url + ` -H 'Content-Type: application/json' -d '{"resourceSpans":[{` +
		`"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},` +
		`"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",` +
		`"name":"GET /cart","kind":2,"startTimeUnixNano":"'$T'000000000","endTimeUnixNano":"'$T'250000000",` +
		`"attributes":[{"key":"http.response.status_code","value":{"intValue":"503"}}],"status":{"code":2}}]}]}]}'`
}

// used returns the ids of the receivers, or exporters, of all pipelines, in order.
func used(c *confmap.Conf, what string) []string {
	pipelines, _ := c.Get("service::pipelines").(map[string]any)
	var ids []string
	for _, p := range pipelines {
		p, _ := p.(map[string]any)
		ids = append(ids, strs(p[what])...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// strs returns a list of ids as strings.
func strs(v any) []string {
	var s []string
	items, _ := v.([]any)
	for _, i := range items {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

// text returns the value at a path as text, "" where there is none.
func text(c *confmap.Conf, path ...string) string {
	v := c.Get(strings.Join(path, confmap.KeyDelimiter))
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// list returns the list at a path.
func list(c *confmap.Conf, path ...string) []any {
	v, _ := c.Get(strings.Join(path, confmap.KeyDelimiter)).([]any)
	return v
}

// isOf reports whether an id, "type" or "type/name", is one of a type.
func isOf(id, typ string) bool {
	t, _, _ := strings.Cut(id, "/")
	return t == typ
}

// notifierName returns the name of a notifier: the only key of its entry.
func notifierName(entry any) string {
	m, _ := entry.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// reachable returns an address at which this machine reaches a server that listens on listens.
func reachable(listens string) string {
	host, port, err := net.SplitHostPort(listens)
	if err != nil {
		return listens
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// database describes where a store's data is, without the password.
func database(v any) string {
	dsn, ok := v.(string)
	if !ok || dsn == "" {
		dsn = "go-monitor.db" // the store's default
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		u, err := url.Parse(dsn)
		if err != nil {
			return "PostgreSQL"
		}
		return "PostgreSQL, " + u.Host + u.Path
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}
