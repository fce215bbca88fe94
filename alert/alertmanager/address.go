package alertmanager

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/internal/httpheader"
)

// apiPath is where alerts are posted to, below an address.
const apiPath = "/api/v2/alerts"

// Bounds of answers.
const (
	maxAnswer = 64 << 10 // bytes that are read
	maxQuote  = 256      // bytes that an error quotes
)

// address is one Alertmanager. It is immutable, and its methods are safe for concurrent use.
type address struct {
	name    string // its URL as it may be shown
	url     *url.URL
	header  http.Header
	secrets *strings.Replacer // redacts an answer
	rt      http.RoundTripper
	timeout time.Duration
}

// newAddress returns an address for one of c's URLs. c is valid.
func newAddress(raw string, c *Config, rt http.RoundTripper) (*address, error) {
	u, err := parseURL(raw)
	if err != nil {
		return nil, err
	}
	user := u.User
	u.User = nil
	if u.Path == "" {
		u.Path = "/" // JoinPath would return a relative path
	}
	u = u.JoinPath(apiPath)
	a := &address{name: u.String(), url: u, header: make(http.Header), rt: rt, timeout: c.Timeout}
	a.header.Set("User-Agent", "go-monitor")
	var secrets []string
	for name, value := range c.Headers {
		a.header.Set(name, string(value))
		secrets = append(secrets, string(value))
	}
	a.header.Set("Content-Type", "application/json")
	// It is not sent. It tells the transport to send a request again that met a closing
	// connection.
	a.header["X-Idempotency-Key"] = []string{}
	name, password := c.BasicAuth.Username, string(c.BasicAuth.Password)
	if user != nil {
		name = user.Username()
		password, _ = user.Password()
		secrets = append(secrets, name) // it may be a token
	}
	if name != "" || password != "" {
		basic := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
		a.header.Set("Authorization", "Basic "+basic)
		secrets = append(secrets, basic, password)
	}
	if c.BearerToken != "" {
		a.header.Set("Authorization", "Bearer "+string(c.BearerToken))
		secrets = append(secrets, string(c.BearerToken))
	}
	a.secrets = hiding(secrets)
	return a, nil
}

// hiding returns a replacer that redacts secrets in a text.
func hiding(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, alert.Redacted)
		}
	}
	return strings.NewReplacer(pairs...)
}

// outcome is the result of sending to one address.
type outcome struct {
	err     error         // nil: it took everything
	isFinal bool          // sending again would not help
	wait    time.Duration // how long it asks to wait; 0: it does not ask
}

// send posts bodies one after the other. After a body that is refused it goes on, and after any
// other error it stops. Alertmanager answers 400 if it refuses one alert of a body, but
// takes the others.
func (a *address) send(ctx context.Context, bodies [][]byte) outcome {
	var refused []error
	for _, body := range bodies {
		o := a.post(ctx, body)
		if o.err != nil && !o.isFinal {
			return o
		}
		if o.err != nil {
			refused = append(refused, o.err)
		}
	}
	return outcome{err: errors.Join(refused...), isFinal: len(refused) > 0}
}

// post sends one request and judges the answer. It follows no redirects: they could take a
// password to another host, or end at a page that answers 200 to everything.
func (a *address) post(ctx context.Context, body []byte) outcome {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           a.url,
		Header:        a.header.Clone(), // a transport may change it
		Body:          io.NopCloser(bytes.NewReader(body)),
		GetBody:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		ContentLength: int64(len(body)),
		Host:          a.url.Host,
	}).WithContext(ctx)
	resp, err := a.rt.RoundTrip(req)
	if err != nil {
		if ctx.Err() == context.DeadlineExceeded {
			err = fmt.Errorf("no answer within %s: %w", a.timeout, ctx.Err())
		}
		return outcome{err: fmt.Errorf("POST %s: %w", a.name, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	// An answer that is read to its end leaves the connection usable.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return a.judge(resp, answer, time.Now())
}

// judge returns the outcome that an answer means.
func (a *address) judge(resp *http.Response, answer []byte, now time.Time) outcome {
	code := resp.StatusCode
	if code >= 200 && code <= 299 {
		return outcome{}
	}
	o := outcome{err: fmt.Errorf("POST %s: %s", a.name, strings.TrimSpace(strconv.Itoa(code)+" "+http.StatusText(code)))}
	if quote := clean(a.secrets.Replace(strings.TrimSpace(string(answer))), maxQuote); quote != "" {
		o.err = fmt.Errorf("%w: %q", o.err, quote)
	}
	switch {
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly:
	case code == http.StatusTooManyRequests || code >= 500:
		o.wait = httpheader.RetryAfter(resp.Header, now)
	case code >= 400:
		o.isFinal = true
	}
	return o
}

// failure returns the error of a notification that no address took.
func failure(outcomes []outcome) error {
	var errs []error
	for _, o := range outcomes {
		errs = append(errs, o.err)
	}
	err := fmt.Errorf("alertmanager: %w", errors.Join(errs...))
	isFinal, wait := next(outcomes)
	switch {
	case isFinal:
		return alert.Final(err)
	case wait > 0:
		return alert.RetryAfter(err, wait)
	}
	return err
}

// next reports whether trying again is useless, and otherwise how long to wait: the shortest
// time that an address asks for, 0 if one asks for none.
func next(outcomes []outcome) (isFinal bool, wait time.Duration) {
	isFinal = true
	for _, o := range outcomes {
		switch {
		case o.isFinal:
		case isFinal:
			isFinal, wait = false, o.wait
		default:
			wait = min(wait, o.wait)
		}
	}
	return isFinal, wait
}
