// Command incident plays the night in which a payment provider goes down: thirty operations of a
// shop alert at once. It writes what each notifier sends into a folder, so that one can look at it
// as the person who is woken does.
//
//	cd example && go run ./incident -to /tmp/incident
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
)

func main() {
	to := flag.String("to", ".", "`folder` for the files")
	flag.Parse()
	if err := run(*to); err != nil {
		log.Fatal(err)
	}
}

func run(folder string) error {
	alerts, err := night()
	if err != nil {
		return err
	}
	ctx := context.Background()
	var console bytes.Buffer
	if err := alert.Console(&console).Notify(ctx, alerts); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "console.txt"), console.Bytes(), 0o644); err != nil { //nolint:gosec // nothing secret
		return err
	}
	for _, f := range []webhook.Format{webhook.Slack, webhook.Feishu, webhook.DingTalk, webhook.WeCom} {
		if err := post(ctx, f, alerts, folder); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return send(ctx, alerts, folder)
}

// began is when the provider went down.
var began = time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)

// night returns the alerts of the third bad minute.
func night() ([]alert.Alert, error) {
	line, err := engine.NewTimeline(engine.TimelineConfig{Config: engine.Config{Name: "shop-prod", Objective: engine.Objective{LatencyTarget: 300 * time.Millisecond}}}, began.Add(-5*time.Minute))
	if err != nil {
		return nil, err
	}
	judge := alert.NewJudge()
	var last []alert.Alert
	judged := func(p *engine.Period) {
		if alerts := judge.Judge(p); len(alerts) > 0 {
			last = append(last, alerts...)
		}
	}
	for at := began.Add(-5 * time.Minute); at.Before(began.Add(3 * time.Minute)); at = at.Add(time.Second) {
		second(line, at, !at.Before(began))
		line.Advance(at, nil, judged)
	}
	line.Advance(began.Add(3*time.Minute+line.Config().Grace), nil, judged)
	return last, nil
}

// second adds the calls of one second. Twenty-eight routes of two services need the provider, one
// search is slow for reasons of its own, and the health check is well.
func second(line *engine.Timeline, at time.Time, isDown bool) {
	id := uint64(at.Unix())
	add := func(s engine.Span, trace, span, parent byte) {
		s.End, s.Sampled = at.UnixNano(), true
		s.Link = engine.Link{Trace: traceID(id, trace), Span: spanID(span)}
		if parent != 0 {
			s.Link.Parent, s.Link.RemoteParent = spanID(parent), true
		}
		line.Add(&s)
	}
	code, outcome, took := "200", engine.OutcomeSuccess, 40*time.Millisecond
	if isDown && id%10 != 0 {
		code, outcome, took = "503", engine.OutcomeFailure, 90*time.Millisecond
	}
	for i := range byte(28) {
		service, name := "checkout", fmt.Sprintf("POST /v1/carts/{id}/%s", steps[i%14])
		if i >= 14 {
			service, name = "backoffice", fmt.Sprintf("GET /admin/orders/%s", steps[i%14])
		}
		add(engine.Span{Service: "payments", Operation: "POST api.pay.example/charge", SpanKind: engine.SpanKindClient, Code: code, Outcome: outcome, Duration: took}, i, 2, 1)
		own := code
		if outcome == engine.OutcomeFailure {
			own = "502"
		}
		add(engine.Span{Service: service, Operation: name, SpanKind: engine.SpanKindServer, Code: own, Outcome: outcome, Duration: took + 20*time.Millisecond}, i, 1, 0)
	}
	search := 120 * time.Millisecond
	if isDown && id%3 != 0 {
		search = 1900 * time.Millisecond
	}
	add(engine.Span{Service: "catalog", Operation: "GET /search", SpanKind: engine.SpanKindServer, Code: "200", Outcome: engine.OutcomeSuccess, Duration: search}, 100, 1, 0)
	add(engine.Span{Service: "checkout", Operation: "GET /healthz", SpanKind: engine.SpanKindServer, Code: "200", Outcome: engine.OutcomeSuccess, Duration: time.Millisecond}, 101, 1, 0)
}

var steps = [14]string{"items", "address", "voucher", "shipping", "tax", "total", "reserve", "authorize", "capture", "confirm", "receipt", "refund", "invoice", "export"}

func traceID(second uint64, n byte) (id [16]byte) {
	for i := range 8 {
		id[i] = byte(second>>(8*i)) ^ 0x5b
	}
	id[8], id[15] = 0xa7, n+1
	return id
}

func spanID(n byte) [8]byte { return [8]byte{0xc0, 0xff, 0xee, 0, 0, 0, 0, n} }

// post writes what a webhook sends to the files <format>-1.json and so on.
func post(ctx context.Context, f webhook.Format, alerts []alert.Alert, folder string) error {
	var all [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			all = append(all, body)
		}
		_, _ = io.WriteString(w, `{"ok":true,"code":0,"errcode":0}`)
	}))
	defer server.Close()
	n, err := webhook.New(webhook.Config{URL: server.URL, Format: f})
	if err != nil {
		return err
	}
	if err := n.Notify(ctx, alerts); err != nil {
		return err
	}
	if err := n.Close(); err != nil {
		return err
	}
	for i, body := range all {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "  "); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d.json", f, i+1)), pretty.Bytes(), 0o644); err != nil { //nolint:gosec // nothing secret
			return err
		}
	}
	return nil
}

// send writes the mail to mail.eml.
func send(ctx context.Context, alerts []alert.Alert, folder string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var message []byte
	var served sync.WaitGroup
	served.Go(func() { message = receive(listener) })
	port := listener.Addr().(*net.TCPAddr).Port
	n, err := mail.New(mail.Config{Host: "127.0.0.1", Port: port, Encryption: mail.NoEncryption, From: "monitor@shop.example", To: []string{"oncall@shop.example"}})
	if err != nil {
		return err
	}
	if err := n.Notify(ctx, alerts); err != nil {
		return err
	}
	if err := n.Close(ctx); err != nil {
		return err
	}
	if err := listener.Close(); err != nil {
		return err
	}
	served.Wait()
	return os.WriteFile(filepath.Join(folder, "mail.eml"), message, 0o644) //nolint:gosec // nothing secret
}
