package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Source is what a page shows. *monitor.Monitor is one.
type Source interface {
	// Watch returns each period once it is judged. The channel is closed when ctx ends, or the
	// source.
	Watch(ctx context.Context) <-chan alert.Judgement
	// EngineConfig returns what is counted and expected.
	EngineConfig() engine.Config
}

// Config says how a page is served. It is plain data, but for its hooks; a zero field means its
// default.
type Config struct {
	// Hosts are the names under which the page may be asked for, as they stand in its address,
	// without a port; "*" allows all. A page that answers to any name could be read by other
	// sites (DNS rebinding). Names and addresses of this machine itself always are allowed:
	// localhost, 127.0.0.1 and [::1]. Default: no others.
	Hosts []string
	// Authorize says whether a request may be answered. If not it must have answered itself. It
	// may be called from many goroutines at once. Default (nil): every request may be.
	Authorize func(w http.ResponseWriter, r *http.Request) bool
	// TraceURL is where a trace can be looked up: an http or https address in which {trace_id}
	// and {span_id} stand for the ids, as in
	// "https://jaeger.example/trace/{trace_id}?uiFind={span_id}". Default: ids can be copied.
	TraceURL string
	// Store is where periods are looked up that are older than what the page remembers, and what
	// is left of error budgets. Default (nil): nowhere.
	Store Store
	// Silence silences an incident, wherever alerts go. It may be called from many goroutines at
	// once. Whoever may see the page may ask for it, so it goes with Authorize. Default (nil): the
	// page is read-only.
	Silence func(ctx context.Context, s Silence) error
}

// Validate returns what is wrong with c, joined; each error names the field and quotes the
// value.
func (c Config) Validate() error {
	var errs []error
	for i, host := range c.Hosts {
		if host != "*" && (host == "" || strings.ContainsAny(host, "/*@ ") || !strings.EqualFold(host, hostname(host))) {
			errs = append(errs, fmt.Errorf("hosts[%d]: must be a name or an address without a scheme, a port or a path, or \"*\" for all, got %q", i, host))
		}
	}
	if c.TraceURL != "" {
		u, err := url.Parse(strings.NewReplacer("{trace_id}", "0", "{span_id}", "0").Replace(c.TraceURL))
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			errs = append(errs, fmt.Errorf("trace_url: must be an http or https address, got %q", c.TraceURL))
		case !strings.Contains(c.TraceURL, "{trace_id}"):
			errs = append(errs, fmt.Errorf("trace_url: must say where the trace id goes, as {trace_id}, got %q", c.TraceURL))
		}
	}
	return errors.Join(errs...)
}

// Handler returns the page of a monitor with the default [Config], for the caller's own mux. It may
// be mounted at any path that ends with a slash.
func Handler(s Source) http.Handler {
	h, err := New(s, Config{})
	if err != nil {
		panic(err) // the zero Config is valid
	}
	return h
}

// New returns the page of a monitor. It returns the errors of [Config.Validate]. What it remembers
// begins now: the page should be made when the monitor is, and once. It ends with the monitor.
func New(s Source, c Config) (http.Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	ec := s.EngineConfig()
	p := &page{config: c, engine: ec, history: newHistory(ec.Period), began: time.Now(), reading: make(chan struct{}, 1)}
	p.routes()
	judgements := s.Watch(context.Background())
	go p.watch(judgements)
	return p, nil
}

// page serves a page. Its goroutine, that of watch, is the only one that writes to the history.
type page struct {
	config  Config
	engine  engine.Config
	history *history
	viewers viewers
	began   time.Time
	api     map[string]http.HandlerFunc // by method and name

	crossOrigin http.CrossOriginProtection

	reading chan struct{}                  // holds a token while somebody reads from the store
	budgets map[engine.OperationKey]budget // belongs to whoever holds the token
}

// watch takes in what is judged until the monitor is shut down.
func (p *page) watch(judgements <-chan alert.Judgement) {
	for j := range judgements {
		gone := p.history.add(j, time.Now())
		if p.viewers.any() {
			p.viewers.send("period", p.update(gone))
		}
	}
	p.history.end()
	p.viewers.close()
}

func (p *page) routes() {
	p.api = map[string]http.HandlerFunc{
		"GET status":    p.getStatus,
		"GET incidents": p.getIncidents,
		"GET incident":  p.getIncident,
		"GET history":   p.getHistory,
		"GET operation": p.getOperation,
		"GET events":    p.getEvents,
	}
	if p.config.Silence != nil {
		p.api["POST silence"] = p.postSilence
	}
}

// apiRoot stands before the names of the API, wherever the page is mounted.
const apiRoot = "/api/v1/"

// ServeHTTP answers a request. It goes by the end of the path, since it does not know where it is
// mounted, or whether a prefix was taken away.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if host := hostname(r.Host); !p.isAllowed(host) {
		http.Error(w, fmt.Sprintf("This page answers under names of this machine alone, and %q is none. Config.Hosts (in the service: hosts) can allow it.", host), http.StatusForbidden)
		return
	}
	if p.config.Authorize != nil && !p.config.Authorize(w, r) {
		return
	}
	path := r.URL.Path
	if i := strings.LastIndex(path, apiRoot); i >= 0 {
		p.serveAPI(w, r, path[i+len(apiRoot):])
		return
	}
	if i := strings.LastIndex(path, "/assets/"); i >= 0 {
		serveAsset(w, r, path[i+len("/assets/"):])
		return
	}
	asked, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case path == "" && asked != "" && !strings.HasSuffix(asked, "/"):
		// The prefix was taken away whole; relative addresses need the slash at its end.
		http.Redirect(w, r, "./"+asked[strings.LastIndexByte(asked, '/')+1:]+"/", http.StatusTemporaryRedirect)
		return
	case path != "" && !strings.HasSuffix(path, "/"):
		http.NotFound(w, r)
		return
	}
	serveAsset(w, r, "index.html")
}

// serveAPI answers a request to the API.
func (p *page) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	method := r.Method
	if method == http.MethodHead && name != "events" { // which never end
		method = http.MethodGet
	}
	if serve := p.api[method+" "+name]; serve != nil {
		serve(w, r)
		return
	}
	for _, other := range []string{http.MethodGet, http.MethodPost} {
		if p.api[other+" "+name] != nil {
			w.Header().Set("Allow", other)
			fail(w, http.StatusMethodNotAllowed, "%s takes %s, not %s", name, other, r.Method)
			return
		}
	}
	fail(w, http.StatusNotFound, "the API has no %q", name)
}
