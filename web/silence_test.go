package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// post asks for a silence as a browser does.
func (s *site) post(body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost/api/v1/silence", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.page.ServeHTTP(w, r)
	return w
}

// An incident is silenced by the caller's hook, which gets all of its alerts; the page shows until
// when.
func TestSilence(t *testing.T) {
	src := newSource(t, engine.Config{})
	var got []Silence
	var failure error
	s := open(t, src, Config{Silence: func(_ context.Context, si Silence) error {
		got = append(got, si)
		return failure
	}})
	for range 3 {
		src.calls("a", 0, 20, 0)
		s.close(src)
	}
	var status object
	s.get("status", &status)
	id := at(status, "incidents.0.id")
	ok := `{"id":"` + id + `","duration_ns":3600000000000,"comment":"deploying"}`
	for name, test := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"of another site":  {ok, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"of another host":  {ok, []string{"Sec-Fetch-Site", "", "Origin", "http://evil.example"}, 403},
		"as a form":        {ok, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"as text":          {ok, []string{"Content-Type", "text/plain"}, 415},
		"no JSON":          {`{`, nil, 400},
		"more than one":    {ok + ok, nil, 400},
		"an unknown field": {`{"id":"` + id + `","duration_ns":1,"x":1}`, nil, 400},
		"no time":          {`{"id":"` + id + `"}`, nil, 400},
		"too long":         {`{"id":"` + id + `","duration_ns":9000000000000000000}`, nil, 400},
		"a long comment":   {`{"id":"` + id + `","duration_ns":1,"comment":"` + strings.Repeat("x", 501) + `"}`, nil, 400},
		"a huge body":      {`{"comment":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 400},
		"no such incident": {`{"id":"none","duration_ns":1}`, nil, 404},
	} {
		if w := s.post(test.body, test.header...); w.Code != test.want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, test.want)
		}
	}
	if len(got) != 0 {
		t.Fatalf("the hook was called: %v", got)
	}
	if w := s.post(ok); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(got) != 1 || len(got[0].Alerts) != 1 || got[0].Alerts[0].ID != id || got[0].Comment != "deploying" || time.Until(got[0].Until).Round(time.Minute) != time.Hour || got[0].Request == nil {
		t.Errorf("got %+v", got)
	}
	s.get("status", &status)
	if at(status, "incidents.0.silenced_until") != got[0].Until.Format(time.RFC3339) && at(status, "incidents.0.silenced_until") == "<nil>" {
		t.Errorf("the page says %s", at(status, "incidents.0.silenced_until"))
	}
	failure = errors.New("Alertmanager is down")
	if w := s.post(ok); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "Alertmanager is down") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	without := open(t, newSource(t, engine.Config{}), Config{})
	if w := without.post(ok); w.Code != http.StatusNotFound {
		t.Errorf("without a hook: %d", w.Code)
	}
}
