package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"text/template"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	jsonType = "application/json"
	// maxTemplated is the most bytes that a template may write.
	maxTemplated = 8 << 20
)

// templateFuncs are the functions of templates besides those of text/template.
var templateFuncs = template.FuncMap{
	// json writes any value as JSON; a string with its quotation marks.
	"json": func(v any) (string, error) {
		b, err := json.Marshal(v)
		return string(b), err
	},
	// text returns an alert as the readable block of alert.Text.
	"text": alert.Text,
	// cut returns at most n characters of s, with … for the rest.
	"cut": func(n int, s string) string {
		if runes := []rune(s); len(runes) > n && n >= 0 {
			return string(runes[:n]) + more
		}
		return s
	},
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"join":  func(sep string, parts []string) string { return strings.Join(parts, sep) },
}

// parseTemplate reads a template.
func parseTemplate(text string) (*template.Template, error) {
	if text == "" {
		return nil, errors.New("is required for the format template")
	}
	return template.New("template").Funcs(templateFuncs).Parse(text)
}

// checkTemplate makes a body of two sample alerts, so that errors of a template show before
// the first alert.
func checkTemplate(c *Config) error {
	redact := newRedactor(c)
	t, err := parseTemplate(c.Template)
	if err == nil {
		_, err = templateBody(t, c.ContentType, sample())
	}
	if err != nil {
		return errors.New(redact.text(strings.TrimPrefix(err.Error(), "template: ")))
	}
	return nil
}

// sample returns two alerts, of which the second is resolved.
func sample() []alert.Alert {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	firing := alert.Alert{
		ID: "1", Monitor: "monitor", Service: "service", Operation: "operation", SpanKind: engine.SpanKindServer,
		Objective: alert.Availability, State: alert.Firing, StartsAt: at, DecidedAt: at.Add(time.Minute), Target: 0.95, Actual: 0.5,
		Causes:   []engine.CauseCount{{Cause: engine.Cause{Operation: "cause", Code: "500"}, Count: 1, Share: 1}},
		Evidence: []engine.Summary{{Monitor: "monitor", Operation: "operation", Start: at, End: at.Add(time.Minute)}},
	}
	resolved := firing.Clone()
	resolved.State, resolved.EndsAt = alert.Resolved, resolved.DecidedAt
	return []alert.Alert{firing, resolved}
}

// templateBody returns the body that a template makes of alerts.
func templateBody(t *template.Template, contentType string, alerts []alert.Alert) ([]byte, error) {
	m, err := newMessage(alerts)
	if err != nil {
		return nil, err
	}
	var b limitedBuffer
	if err := t.Execute(&b, m); err != nil {
		return nil, err
	}
	media, _, _ := mime.ParseMediaType(cmp.Or(contentType, jsonType))
	if (media == jsonType || strings.HasSuffix(media, "+json")) && !json.Valid(b.Bytes()) {
		return nil, errors.New("what it writes is not JSON; write names with {{json .}}, or set content_type")
	}
	return b.Bytes(), nil
}

// limitedBuffer is a buffer that takes at most maxTemplated bytes.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxTemplated {
		return 0, fmt.Errorf("it writes more than %d bytes", maxTemplated)
	}
	return b.Buffer.Write(p)
}
