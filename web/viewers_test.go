package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// events reads a stream of events, one "name data" after the other.
func events(t *testing.T, ctx context.Context, url string) (next func() (name, data string), end func()) { //nolint:revive // t comes first
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() (name, data string) {
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return name, v
			}
		}
		return "", ""
	}, func() { _ = resp.Body.Close() }
}

// A viewer is told of each period once it is judged, and of the end.
func TestEvents(t *testing.T) {
	src := newSource(t, engine.Config{})
	h, err := New(src, Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer http.DefaultClient.CloseIdleConnections()
	defer server.Close()
	next, end := events(t, t.Context(), server.URL)
	defer end()
	if name, _ := next(); name != "hello" {
		t.Errorf("the first event is %q", name)
	}
	for seq := range 3 {
		src.calls("a", 10, 0, time.Millisecond)
		src.out <- src.judgement()
		name, data := next()
		var s statusAnswer
		if err := json.Unmarshal([]byte(data), &s); err != nil || name != "period" || s.Seq != uint64(seq+1) || len(s.Operations) != 1 || s.Operations[0].Calls != 10 {
			t.Errorf("got %s %s (%v)", name, data, err)
		}
	}
	close(src.out)
	if name, _ := next(); name != "end" {
		t.Errorf("at the end comes %q", name)
	}
	if name, _ := next(); name != "" {
		t.Errorf("after the end comes %q", name)
	}
}

// statusAnswer is what a script reads of a status.
type statusAnswer struct {
	Seq        uint64 `json:"seq"`
	Operations []struct {
		Operation string `json:"operation"`
		Calls     uint64 `json:"calls"`
	} `json:"operations"`
}

// A server that is shut down does not wait for those who look on.
func TestServerShutdown(t *testing.T) {
	src := newSource(t, engine.Config{})
	defer close(src.out)
	h, err := New(src, Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer http.DefaultClient.CloseIdleConnections()
	next, end := events(t, t.Context(), server.URL)
	defer end()
	next()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Errorf("the shutdown waits for a viewer: %v", err)
	}
	if name, _ := next(); name != "" {
		t.Errorf("after the shutdown comes %q", name)
	}
	server.Close()
}

// One who does not take his messages is sent away; the others get theirs.
func TestSlowViewer(t *testing.T) {
	var v viewers
	slow, leaveSlow := v.join(t.Context())
	quick, leaveQuick := v.join(t.Context())
	for i := range pendingMessages + 3 {
		v.send("period", []byte{byte('0' + i)})
		if got := string(<-quick); !strings.Contains(got, "data: "+string(byte('0'+i))) {
			t.Errorf("got %q", got)
		}
	}
	n := 0
	for range slow {
		n++
	}
	if n != pendingMessages || !v.any() {
		t.Errorf("the slow one got %d messages", n)
	}
	leaveSlow()
	leaveQuick()
	if v.any() {
		t.Error("somebody stays")
	}
	for range maxViewers {
		if c, _ := v.join(t.Context()); c == nil {
			t.Fatal("there is no room")
		}
	}
	if c, _ := v.join(t.Context()); c != nil {
		t.Error("there is room for too many")
	}
	v.close()
	if c, _ := v.join(t.Context()); c == nil {
		t.Error("after the end nobody may ask")
	} else if _, ok := <-c; ok {
		t.Error("after the end there is a message")
	}
}
