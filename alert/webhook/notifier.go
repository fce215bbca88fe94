package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"text/template"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// MaxResponse is the number of bytes that are read of an answer. If an answer is longer, its
// connection is closed.
const MaxResponse = 64 << 10

// Notifier posts notifications. It implements [alert.Notifier]. It is immutable, and its
// methods are safe for concurrent use.
type Notifier struct {
	config   Config
	url      *url.URL
	keys     [][]byte
	template *template.Template
	redact   redactor
	client   *http.Client
	// transport is the notifier's own; nil if the config brought one.
	transport *http.Transport
}

// New returns a notifier. It returns the errors of [Config.Validate], and those of
// reading the files of [Config.TLS].
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Headers, c.Secrets = maps.Clone(c.Headers), slices.Clone(c.Secrets)
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.ContentType == "" {
		c.ContentType = jsonType
	}
	n := &Notifier{config: c, redact: newRedactor(&c)}
	var err error
	if n.url, err = url.Parse(c.URL); err != nil {
		return nil, checkURL(c.URL)
	}
	for _, secret := range c.Secrets {
		key, err := signingKey(secret)
		if err != nil {
			return nil, err
		}
		n.keys = append(n.keys, key)
	}
	if c.Format == Template {
		if n.template, err = parseTemplate(c.Template); err != nil {
			return nil, checkTemplate(&c)
		}
	}
	if c.Transport == nil {
		if n.transport, err = newTransport(&c); err != nil {
			return nil, err
		}
		c.Transport = n.transport
	}
	n.client = &http.Client{Transport: c.Transport, CheckRedirect: n.follow}
	return n, nil
}

// Close closes idle connections, but not those of [Config.Transport]. The notifier can still
// be used after it.
func (n *Notifier) Close() error {
	if n.transport != nil {
		n.transport.CloseIdleConnections()
	}
	return nil
}

// Notify posts the alerts once. Its error is marked by [alert.Final] if the receiver refuses
// the request for good or no request can be made, and by [alert.RetryAfter] if the receiver
// asks to wait. Other errors may go away by trying again. An error quotes the receiver's
// answer, but no secrets. The header webhook-id is the [alert.NotificationID], the same
// for every try.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	if err := n.post(ctx, alerts); err != nil {
		return fmt.Errorf("%s: %w", &n.config, err)
	}
	return nil
}

func (n *Notifier) post(ctx context.Context, alerts []alert.Alert) error {
	if err := ctx.Err(); err != nil {
		return n.noAnswer(ctx, err)
	}
	own, cancel := detach(ctx, n.config.Timeout)
	defer cancel()
	req, err := n.request(own, alert.NotificationID(ctx), alerts, time.Now())
	if err != nil {
		return alert.Final(&failure{text: n.redact.text(err.Error())})
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return n.noAnswer(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// One byte more than the bound shows whether the answer is too long.
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxResponse+1))
	if len(body) > MaxResponse {
		body, err = body[:MaxResponse], errors.New("it is too long")
	}
	return n.judge(resp, body, err, time.Now())
}

// detach returns a context that ends with ctx or after the timeout, without ctx's values: a
// span in them would make the request part of a trace.
func detach(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	own, cancel := context.WithTimeout(context.Background(), timeout)
	stop := context.AfterFunc(ctx, cancel)
	return own, func() {
		stop()
		cancel()
	}
}

// request returns the request for a notification, signed where that is asked for.
func (n *Notifier) request(ctx context.Context, id string, alerts []alert.Alert, at time.Time) (*http.Request, error) {
	body, err := n.body(alerts, at)
	if err != nil {
		return nil, err
	}
	u := *n.url
	if n.config.DingTalkSecret != "" {
		signDingTalk(&u, n.config.DingTalkSecret, at)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("no request can be made of the url")
	}
	req.URL = &u
	req.Header.Set("User-Agent", "go-monitor/2")
	for name, value := range n.config.Headers {
		req.Header.Set(name, string(value))
	}
	req.Header.Set("Content-Type", n.config.ContentType)
	if id == "" {
		id = rand.Text()
	}
	req.Header.Set(headerID, id)
	if len(n.keys) > 0 {
		req.Header.Set(headerTimestamp, fmt.Sprint(at.Unix()))
		req.Header.Set(headerSignature, signatures(n.keys, id, at, body))
	}
	return req, nil
}

// body returns what is posted.
func (n *Notifier) body(alerts []alert.Alert, at time.Time) ([]byte, error) {
	alerts = boundedAll(alerts)
	switch n.config.Format {
	case Slack:
		return slackBody(alerts)
	case Feishu:
		return feishuBody(alerts, n.config.FeishuSecret, at)
	case DingTalk:
		return dingTalkBody(alerts)
	case WeCom:
		return wecomBody(alerts)
	case Template:
		return templateBody(n.template, n.config.ContentType, alerts)
	}
	m, err := newMessage(alerts)
	if err != nil {
		return nil, err
	}
	return compact(m)
}
