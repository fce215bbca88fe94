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

// Notifier posts notifications. It implements [alert.Notifier]. Its methods
// are safe for concurrent use. It must not be copied.
type Notifier struct {
	config   Config
	url      *url.URL
	keys     [][]byte
	template *template.Template
	redact   redactor
	client   *http.Client
	// transport is the notifier's own; nil if the config brought one.
	transport *http.Transport
	// progress is the only thing that changes.
	progress progress
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

// Notify posts the alerts once, in several requests where a chat has no room for all of them
// in one. Called again with the same notification id after an error, it goes on with the
// request that failed. Its error is marked by [alert.Final] if the receiver refuses
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
	at := time.Now()
	bodies, err := n.bodies(alerts, at)
	if err != nil {
		return alert.Final(&failure{text: n.redact.text(err.Error())})
	}
	id := alert.NotificationID(ctx)
	for i := n.progress.of(id); i < len(bodies); i++ {
		part := id
		if part == "" {
			part = rand.Text()
		} else if i > 0 {
			part = fmt.Sprintf("%s-%d", id, i+1)
		}
		if err := n.postOne(ctx, part, bodies[i], at); err != nil {
			return err
		}
		n.progress.set(id, i+1, len(bodies))
	}
	return nil
}

// postOne posts one body.
func (n *Notifier) postOne(ctx context.Context, id string, sent []byte, at time.Time) error {
	own, cancel := detach(ctx, n.config.Timeout)
	defer cancel()
	req, err := n.request(own, id, sent, at)
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

// request returns the request that posts a body, signed where that is asked for.
func (n *Notifier) request(ctx context.Context, id string, body []byte, at time.Time) (*http.Request, error) {
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
	req.Header.Set(headerID, id)
	if len(n.keys) > 0 {
		req.Header.Set(headerTimestamp, fmt.Sprint(at.Unix()))
		req.Header.Set(headerSignature, signatures(n.keys, id, at, body))
	}
	return req, nil
}

// bodies returns what is posted, one body after the other.
func (n *Notifier) bodies(alerts []alert.Alert, at time.Time) ([][]byte, error) {
	alerts = boundedAll(alerts)
	switch n.config.Format {
	case Slack:
		return bodiesOf(slackLayout.messages(alerts), slackBody)
	case Feishu:
		return bodiesOf(feishuLayout.messages(alerts), func(m message) ([]byte, error) { return feishuBody(m, n.config.FeishuSecret, at) })
	case DingTalk:
		return bodiesOf(dingTalkLayout.messages(alerts), dingTalkBody)
	case WeCom:
		return bodiesOf(wecomLayout.messages(alerts), wecomBody)
	case Template:
		return one(templateBody(n.template, n.config.ContentType, alerts))
	}
	m, err := newMessage(alerts)
	if err != nil {
		return nil, err
	}
	return one(compact(m))
}

// bodiesOf returns the bodies of several things.
func bodiesOf[T any](all []T, bodyOf func(T) ([]byte, error)) ([][]byte, error) {
	bodies := make([][]byte, len(all))
	for i, v := range all {
		var err error
		if bodies[i], err = bodyOf(v); err != nil {
			return nil, err
		}
	}
	return bodies, nil
}

// one returns a single body.
func one(body []byte, err error) ([][]byte, error) { return [][]byte{body}, err }
