package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// begin is when the alerts of tests begin: the time at which a synctest bubble starts.
var begin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// firing returns an alert about an operation, decided now.
func firing(operation string) alert.Alert {
	now := time.Now()
	return alert.Alert{
		ID: "id of " + operation, Monitor: "http", Service: "shop", Operation: operation, SpanKind: engine.SpanKindServer,
		Objective: alert.Availability, State: alert.Firing,
		StartsAt: now.Add(-3 * time.Minute), DecidedAt: now, Target: 0.95, Actual: 0.5,
	}
}

// resolved returns the alert that ends a, decided now.
func resolved(a alert.Alert) alert.Alert {
	a.State = alert.Resolved
	a.DecidedAt = time.Now()
	a.EndsAt = a.DecidedAt.Add(-time.Minute)
	return a
}

// posted is an alert as an Alertmanager gets it.
type posted struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// fake is an Alertmanager in memory.
type fake struct {
	// answer replaces its answer, unless it is nil or returns nothing.
	answer func(*http.Request) (*http.Response, error)

	mu     sync.Mutex
	times  []time.Duration   // when requests came, since begin
	alerts map[string]posted // by operation, as it was told last
}

// fires returns the operations about which an alert fires now, in order.
func (f *fake) fires() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name, a := range f.alerts {
		if a.EndsAt.After(time.Now()) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// get returns what it was told about an operation last.
func (f *fake) get(t *testing.T, operation string) posted {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.alerts[operation]
	if !ok {
		t.Fatalf("nothing was said about %q, only about %v", operation, slices.Sorted(maps.Keys(f.alerts)))
	}
	return a
}

// requests returns when requests came since it was asked last.
func (f *fake) requests() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := f.times
	f.times = nil
	return times
}

func (f *fake) serve(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.times = append(f.times, time.Since(begin))
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		if resp, err := answer(req); resp != nil || err != nil {
			return resp, err
		}
	}
	var alerts []posted
	if err := json.Unmarshal(body, &alerts); err != nil {
		return respond(400, err.Error()), nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alerts == nil {
		f.alerts = make(map[string]posted)
	}
	for _, a := range alerts {
		if a.EndsAt.Before(a.StartsAt) {
			return respond(400, "start time must be before end time"), nil
		}
		f.alerts[a.Labels["operation"]] = a
	}
	return respond(200, ""), nil
}

// set replaces the answers from now on.
func (f *fake) set(answer func(*http.Request) (*http.Response, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// read returns all there is to read.
func read(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func respond(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: make(http.Header), Body: io.NopCloser(bytes.NewReader([]byte(body)))}
}

// Answers of a fake.
func down(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
func hung(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}
func says(code int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return respond(code, body), nil }
}

// network is a transport to fakes by host.
type network map[string]*fake

func (n network) RoundTrip(req *http.Request) (*http.Response, error) {
	f, ok := n[req.URL.Host]
	if !ok || req.URL.Path != apiPath || req.Method != http.MethodPost {
		return respond(404, req.Method+" "+req.URL.String()), nil
	}
	return f.serve(req)
}

// start returns a notifier that sends to n new fakes, and closes it in the end.
func start(t *testing.T, c Config, n int) (*Notifier, []*fake) {
	t.Helper()
	net, fakes := make(network), make([]*fake, n)
	for i := range fakes {
		host := string(rune('a' + i))
		fakes[i] = new(fake)
		net[host] = fakes[i]
		c.URLs = append(c.URLs, "http://"+host)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	notifier, err := newNotifier(c, net)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := notifier.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return notifier, fakes
}

// notify sends alerts and fails the test if that fails.
func notify(t *testing.T, n *Notifier, alerts ...alert.Alert) {
	t.Helper()
	if err := n.Notify(t.Context(), alerts); err != nil {
		t.Errorf("notify: %v", err)
	}
}
