package webhook

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/internal/httpheader"
	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Config says where notifications are posted, and how. It is plain data; a zero field means
// its default. Printed, logged or written as JSON it shows no secrets, and so can't be
// read back.
type Config struct {
	// URL is where notifications are posted: http or https. It may hold secrets. Required.
	URL string `mapstructure:"url"`
	// Format is the format of the body. Default [Alertmanager].
	Format Format `mapstructure:"format"`
	// Template makes the body from a [Message]. It is a text/template with the additional
	// functions json, text, cut, lower, upper and join. It must escape names and codes
	// itself: by json in JSON, by html, js or urlquery elsewhere. If ContentType is JSON, a
	// body that is not JSON is an error. Errors show the template's actions, which should
	// therefore hold no secrets. Required for the format [Template], and only for that.
	Template string `mapstructure:"template"`
	// ContentType is the media type of the body that Template makes. Default
	// application/json.
	ContentType string `mapstructure:"content_type"`
	// Headers are added to each request, such as Authorization. They are not sent to another
	// host that a redirect leads to. Default: none.
	Headers map[string]alert.Secret `mapstructure:"headers"`
	// Secrets sign requests as https://www.standardwebhooks.com describes. Each is "whsec_"
	// followed by the base64 of 24 to 64 bytes. There may be two, which both sign, while the
	// receiver changes from one to the other. Default: requests are not signed.
	Secrets []alert.Secret `mapstructure:"secrets"`
	// DingTalkSecret signs requests for a DingTalk robot that requires it. Default: they are
	// not signed.
	DingTalkSecret alert.Secret `mapstructure:"dingtalk_secret"`
	// FeishuSecret signs requests for a Feishu bot that requires it. Default: they are not
	// signed.
	FeishuSecret alert.Secret `mapstructure:"feishu_secret"`
	// Timeout is the time that one request may take, with redirects and answer, 1ms to 5m.
	// Default 10s.
	Timeout time.Duration `mapstructure:"timeout"`
	// TLS sets up https. Default: the system's certificate authorities.
	TLS TLS `mapstructure:"tls"`
	// BlockPrivate refuses to connect to addresses that are not public: private, loopback,
	// link-local, shared (CGNAT), multicast, unspecified and reserved ones. It checks the
	// address of each connection, whatever name or redirect led there. Set it where the URL
	// comes from others. The environment's proxy is not used then, since it would look up
	// names itself. Default: every address is allowed.
	BlockPrivate bool `mapstructure:"block_private"`
	// Transport sends the requests. It should not be instrumented, or the monitor would watch
	// its own requests. Default: a transport of the notifier's own that uses the
	// environment's proxy.
	Transport http.RoundTripper `mapstructure:"-"`
}

// TLS sets up https.
type TLS = alert.TLS

const (
	defaultTimeout = 10 * time.Second
	minTimeout     = time.Millisecond
	maxTimeout     = 5 * time.Minute
	// maxSecrets allows for an old secret and a new one.
	maxSecrets = 2
)

// Validate returns one error for everything in c that can't be, joined; each names the
// key, and quotes the value unless that may be secret.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := checkURL(c.URL); err != nil {
		add("url: %w", err)
	}
	if c.Format >= formatCount {
		add("format: must be one of %v, got %s", formatNames, c.Format)
	}
	errs = append(errs, httpheader.Validate(c.Headers, headerID, headerTimestamp, headerSignature))
	if len(c.Secrets) > maxSecrets {
		add("secrets: must be at most %d, got %d", maxSecrets, len(c.Secrets))
	}
	for i, secret := range c.Secrets {
		if _, err := signingKey(secret); err != nil {
			add("secrets[%d]: %w", i, err)
		}
	}
	only := func(key string, set bool, f Format) {
		if set && c.Format != f {
			add("%s: is only for the format %s, got %s", key, f, c.Format)
		}
	}
	only("dingtalk_secret", c.DingTalkSecret != "", DingTalk)
	only("feishu_secret", c.FeishuSecret != "", Feishu)
	only("template", c.Template != "", Template)
	only("content_type", c.ContentType != "", Template)
	if c.ContentType != "" {
		media, _, err := mime.ParseMediaType(c.ContentType)
		if err != nil || !strings.Contains(media, "/") || !httpheader.IsValue(c.ContentType) {
			add("content_type: must be a media type, got %q", c.ContentType)
		}
	}
	if c.Format == Template {
		if err := checkTemplate(&c); err != nil {
			add("template: %w", err)
		}
	}
	errs = append(errs, keyed.Range{Low: minTimeout, High: maxTimeout}.Check("timeout", c.Timeout))
	errs = append(errs, keyed.Below("tls", c.TLS.Validate()))
	if c.Transport != nil && c.BlockPrivate {
		add("block_private: does not work with a transport of your own")
	}
	if c.Transport != nil && c.TLS != (TLS{}) {
		add("tls: does not work with a transport of your own")
	}
	return errors.Join(errs...)
}

// checkURL returns an error if text is not the URL of a server. The error shows nothing of it.
func checkURL(text string) error {
	if text == "" {
		return errors.New("is required")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("can't be read as a URL (it is not shown, as it may hold secrets)")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must begin with http:// or https:// (it is not shown, as it may hold secrets)")
	case u.Hostname() == "":
		return errors.New("must have a host (it is not shown, as it may hold secrets)")
	}
	// A password with a slash in it is read as the port.
	if _, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || len(u.Port()) > len("65535")) {
		return errors.New("must have a port up to 65535 (it is not shown, as it may hold secrets)")
	}
	return nil
}
