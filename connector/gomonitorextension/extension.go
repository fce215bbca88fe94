package gomonitorextension

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/internal/shown"
	"github.com/blurooo/go-monitor/v2/web"
)

// NewFactory returns the factory of the component. Its type is that of the connector.
func NewFactory() extension.Factory {
	return extension.NewFactory(gomonitorconnector.Type, defaultConfig,
		func(_ context.Context, set extension.Settings, c component.Config) (extension.Extension, error) {
			return &server{config: c.(*Config), settings: set}, nil
		}, component.StabilityLevelAlpha)
}

// server is the component. It is safe for concurrent use.
type server struct {
	config   *Config
	settings extension.Settings
	http     *http.Server // nil unless it has started
	serving  sync.WaitGroup

	mu    sync.Mutex
	pages []page // in the order of their ids
}

// page is the page of one connector.
type page struct {
	id      string
	handler http.Handler
}

var _ shown.Page = (*server)(nil)

// Start begins to listen. The connectors start after it.
func (s *server) Start(ctx context.Context, host component.Host) error {
	server, err := s.config.Server.ToServer(ctx, host.GetExtensions(), s.settings.TelemetrySettings, s)
	if err != nil {
		return err
	}
	listener, err := s.config.Server.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("gomonitor: the page: %w", err)
	}
	s.http = server
	s.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// Shutdown ends to listen. The connectors, and with them the streams of events, have ended.
func (s *server) Shutdown(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.serving.Wait()
	return err
}

// Show serves the page of a connector.
func (s *server) Show(id component.ID, source web.Source, older web.Store) error {
	c := s.config.page()
	c.Store = older
	handler, err := web.New(source, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages = append(s.pages, page{id.String(), handler})
	slices.SortFunc(s.pages, func(a, b page) int { return strings.Compare(a.id, b.id) })
	return nil
}

// ServeHTTP serves the page of the only connector. If there are several, each has a path, and the
// root leads to them.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	pages := slices.Clone(s.pages)
	s.mu.Unlock()
	switch len(pages) {
	case 0:
		http.Error(w, "no connector gomonitor runs", http.StatusServiceUnavailable)
		return
	case 1:
		pages[0].handler.ServeHTTP(w, r)
		return
	}
	for _, p := range pages {
		if strings.HasPrefix(r.URL.Path, "/"+p.id+"/") {
			p.handler.ServeHTTP(w, r)
			return
		}
	}
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	fmt.Fprintln(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>gomonitor</title><h1>gomonitor</h1><ul>`)
	for _, p := range pages {
		fmt.Fprintf(w, "<li><a href=\"%[1]s/\">%[1]s</a>\n", html.EscapeString(p.id))
	}
}
