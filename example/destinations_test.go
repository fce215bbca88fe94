package main

import (
	"bufio"
	"flag"
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
)

// inbox is what receivers of all kinds got, by kind.
type inbox struct {
	mu  sync.Mutex
	got map[string]string
}

func (i *inbox) add(kind, text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.got == nil {
		i.got = make(map[string]string)
	}
	i.got[kind] += text + "\n"
}

// ServeHTTP is every kind of webhook, by the first element of the path.
func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i.add(kind, string(body))
	_, _ = io.WriteString(w, `{"code":0,"errcode":0}`)
}

// serveMail is a mail server that takes everything, one connection after the other.
func (i *inbox) serveMail(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		i.takeMail(conn)
	}
}

func (i *inbox) takeMail(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 hi")
	inData := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		switch {
		case inData && line == ".":
			inData = false
			say("250 taken")
		case inData:
			i.add("mail", line)
		case line == "DATA":
			inData = true
			say("354 go on")
		default:
			say("250 ok")
		}
	}
}

// TestTo plays all scenes with one flag for each kind of destination: all of them get alerts.
func TestTo(t *testing.T) {
	var got inbox
	hooks := httptest.NewServer(&got)
	defer hooks.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { got.serveMail(l) })
	defer serving.Wait()
	defer func() { _ = l.Close() }()
	db := filepath.Join(t.TempDir(), "shop.db")

	o := options{addr: "127.0.0.1:0", period: 150 * time.Millisecond}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.Var(&o.to, "to", destinationsHelp)
	var args []string
	hookKinds := []string{"webhook", "slack", "feishu", "dingtalk", "wecom", "alertmanager"}
	for _, kind := range hookKinds {
		args = append(args, fmt.Sprintf("-to=%s=%s/%s", kind, hooks.URL, kind))
	}
	args = append(args, fmt.Sprintf("-to=mail=smtp://%s/ops@example.org", l.Addr()), "-to=store="+db)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}

	got.mu.Lock()
	defer got.mu.Unlock()
	for _, kind := range append(hookKinds, "mail") {
		if text := got.got[kind]; !strings.Contains(text, "POST /orders") && !strings.Contains(text, "GET /products/{id}") {
			t.Errorf("%s heard of neither of the two that were sick, but %q", kind, text)
		}
	}
	s, err := store.Open(t.Context(), store.Config{DSN: db})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	summaries, err := s.History(t.Context(), "POST /orders", time.Time{}, time.Time{})
	if err != nil || len(summaries) == 0 {
		t.Errorf("%d summaries in the store: %v", len(summaries), err)
	}
	alerts, err := s.Alerts(t.Context(), time.Time{}, time.Time{})
	if err != nil || len(alerts) == 0 {
		t.Errorf("%d alerts in the store: %v", len(alerts), err)
	}
}

// TestToErrors: what can't be is said, before anything begins.
func TestToErrors(t *testing.T) {
	for value, want := range map[string]string{
		"":                       "want kind=address",
		"store":                  "want kind=address",
		"pigeon=home":            `unknown kind "pigeon"`,
		"webhook=ftp://x":        "url",
		"alertmanager=here":      "urls[0]",
		"mail=ops@example.org":   "want smtp://",
		"mail=smtp://localhost/": "want smtp://",
		"mail=smtp://localhost:99999/ops@example.org": "port",
		"mail=smtp://localhost/nobody":                "to[0]",
		"store=mysql://u:p@h/d":                       `unknown scheme "mysql"`,
		"store=postgres://%zz":                        "dsn",
	} {
		var d destinations
		if err := d.Set(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", value, err, want)
		}
		if len(d.notifiers)+len(d.sinks)+len(d.closers) > 0 {
			t.Errorf("%q adds something", value)
		}
	}
}
