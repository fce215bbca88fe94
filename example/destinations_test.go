package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// Each kind of destination is made by one flag, and what the monitor sends arrives there.
func TestDestinations(t *testing.T) {
	got := newPostbox()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.put(r.URL.Path, string(body))
		_, _ = io.WriteString(w, `{"code":0,"errcode":0}`)
	}))
	defer web.Close()
	smtp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := smtp.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { got.put("mail", receiveMail(conn)) })
		}
	})
	defer serving.Wait()
	defer func() { _ = smtp.Close() }()
	file := filepath.Join(t.TempDir(), "shop.db")

	var d destinations
	for _, value := range []string{
		"webhook=" + web.URL + "/webhook", "slack=" + web.URL + "/slack", "feishu=" + web.URL + "/feishu", "dingtalk=" + web.URL + "/dingtalk",
		"wecom=" + web.URL + "/wecom", "alertmanager=" + web.URL, "mail=smtp://" + smtp.Addr().String() + "/ops@example.org", "store=" + file,
	} {
		if err := d.Set(value); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
	}
	if len(d.notifiers) != 8 || len(d.sinks) != 1 {
		t.Fatalf("%d notifiers and %d sinks, want 8 and 1", len(d.notifiers), len(d.sinks))
	}
	at := time.Now().UTC().Truncate(time.Second)
	summary := engine.Summary{Monitor: "shop", Operation: "POST /orders", Start: at.Add(-time.Second), End: at, Count: 4, Success: 2, Failure: 2, SuccessRatio: 0.5}
	firing := alert.Alert{
		ID: "1", Monitor: "shop", Operation: "POST /orders", Objective: alert.Availability, State: alert.Firing,
		StartsAt: summary.Start, At: at, Target: 0.95, Actual: 0.5, Evidence: []engine.Summary{summary},
	}
	for _, n := range d.notifiers {
		if err := n.Notify(t.Context(), []alert.Alert{firing}); err != nil {
			t.Errorf("%T: %v", n, err)
		}
	}
	if err := d.sinks[0].Consume(t.Context(), engine.Period{Start: summary.Start, End: at, Summaries: []engine.Summary{summary}}); err != nil {
		t.Error(err)
	}
	if err := d.close(context.Background()); err != nil {
		t.Error(err)
	}
	for _, where := range []string{"/webhook", "/slack", "/feishu", "/dingtalk", "/wecom", "/api/v2/alerts", "mail"} {
		if texts := got.at(where); !strings.Contains(strings.Join(texts, "\n"), "POST /orders") {
			t.Errorf("%s got %q, want the alert", where, texts)
		}
	}
	db, err := store.Open(t.Context(), store.Config{DSN: file})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.Background()) }()
	if history, err := db.History(t.Context(), "POST /orders", time.Time{}, time.Time{}); err != nil || len(history) != 1 || history[0].Count != 4 {
		t.Errorf("the store has %v, %v, want the period", history, err)
	}
}

func TestBadDestinations(t *testing.T) {
	for value, want := range map[string]string{
		"":                               "want kind=address",
		"store":                          "want kind=address",
		"pager=x":                        `unknown kind "pager"`,
		"slack=ftp://example.org":        "url: must begin with",
		"alertmanager=":                  "url",
		"mail=ops@example.org":           "mail: want smtp://host:port/recipient",
		"mail=smtp://example.org":        "mail: want smtp://host:port/recipient",
		"mail=smtp://example.org/nobody": "to",
		"store=postgres://%zz":           "dsn",
	} {
		var d destinations
		if err := d.Set(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("-to %q: %v, want %q in it", value, err, want)
		}
		if len(d.notifiers)+len(d.sinks)+len(d.closers) > 0 {
			t.Errorf("-to %q adds something", value)
		}
	}
}

// postbox keeps what arrived where.
type postbox struct {
	mu    sync.Mutex
	texts map[string][]string
}

func newPostbox() *postbox { return &postbox{texts: make(map[string][]string)} }

func (p *postbox) put(where, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts[where] = append(p.texts[where], text)
}

func (p *postbox) at(where string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.texts[where]
}

// receiveMail takes everything that an SMTP client says and returns it.
func receiveMail(conn net.Conn) string {
	defer func() { _ = conn.Close() }()
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 ready")
	var all strings.Builder
	data := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		all.WriteString(line + "\n")
		switch {
		case data && line != ".":
		case data:
			data = false
			say("250 taken")
		case line == "DATA":
			data = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return all.String()
		default:
			say("250 fine")
		}
	}
	return all.String()
}
