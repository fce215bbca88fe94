package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/internal/httpheader"
	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// TLS sets up https.
type TLS = alert.TLS

// Config says where the Alertmanagers are and how alerts are sent to them. It is plain data; a
// zero field means its default. Printed or written as JSON it shows neither secrets nor the
// user information of URLs.
type Config struct {
	// URLs are the addresses of all Alertmanagers of one cluster, http or https, each with
	// its path prefix if it has one: "http://am-0:9093". Each gets every alert. User
	// information in a URL replaces BasicAuth for that address. At least one is required.
	URLs []string `mapstructure:"urls"`
	// BasicAuth is the user that requests are made as. Default: none.
	BasicAuth BasicAuth `mapstructure:"basic_auth"`
	// BearerToken is sent as "Authorization: Bearer ...". Default: none.
	BearerToken alert.Secret `mapstructure:"bearer_token"`
	// Headers are added to every request. Default: none.
	Headers map[string]alert.Secret `mapstructure:"headers"`
	// TLS sets up https. Default: the system's certificate authorities.
	TLS TLS `mapstructure:"tls"`
	// Timeout is how long one request to one address may take, 10ms to 1m. Default 10s.
	Timeout time.Duration `mapstructure:"timeout"`
	// ResendDelay is the time after which all alerts that fire are sent again, 100ms to 5m.
	// Alertmanager resolves an alert that was not sent for three times as long. Default 1m.
	ResendDelay time.Duration `mapstructure:"resend_delay"`
	// MaxAlerts is the number of alerts that are kept to be sent again, 1 to 100,000. Of more,
	// those that changed longest ago are dropped. Default 1000.
	MaxAlerts int `mapstructure:"max_alerts"`
	// Labels are added to every alert. Characters that a label's name can't have are replaced
	// by underscores; a label with an empty value is left out. To Alertmanager, alerts of
	// several processes with the same labels are one alert: add a label that tells the
	// processes apart if each should have its own. Default: none.
	Labels map[string]string `mapstructure:"labels"`
	// Severity is the value of the label severity. Default: that of [alert.Severity], warning
	// for latency and critical otherwise.
	Severity string `mapstructure:"severity"`
	// GeneratorURL is the page that Alertmanager links alerts to, http or https. Default:
	// none.
	GeneratorURL string `mapstructure:"generator_url"`
}

// BasicAuth is a user's name and password.
type BasicAuth struct {
	// Username is the user's name; it must not hold a colon. Default: no authentication.
	Username string `mapstructure:"username"`
	// Password is the user's password. Default: empty.
	Password alert.Secret `mapstructure:"password"`
}

// Bounds of [Config].
const (
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = time.Minute
	minResendDelay = 100 * time.Millisecond
	maxResendDelay = resolvedFor // so that a resolved alert is sent again at least once
	maxMaxAlerts   = 100_000
)

// Validate returns one error for everything in c that can't be, joined; each names the key
// and quotes the value unless that is a secret. It does not look at files.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if len(c.URLs) == 0 {
		bad("urls: must not be empty")
	}
	hasUser := false
	for i, raw := range c.URLs {
		u, err := parseURL(raw)
		if err != nil {
			bad("urls[%d]: %w, got %q", i, err, shownURL(raw))
			continue
		}
		if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			bad("urls[%d]: must have neither a query nor a fragment, got %q and one", i, shownURL(raw))
		}
		hasUser = hasUser || u.User != nil
	}

	var ways []string
	hasBasic, hasBearer := c.BasicAuth != BasicAuth{}, c.BearerToken != ""
	if hasUser {
		ways = append(ways, "user information in urls")
	}
	if hasBasic {
		ways = append(ways, "basic_auth")
	}
	if hasBearer {
		ways = append(ways, "bearer_token")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if http.CanonicalHeaderKey(name) == "Authorization" {
			ways = append(ways, "headers["+name+"]")
		}
	}
	errs = append(errs, httpheader.Validate(c.Headers))
	if len(ways) > 1 {
		bad("there must be one authorization, got %s", strings.Join(ways, " and "))
	}
	if hasBasic && (c.BasicAuth.Username == "" || strings.Contains(c.BasicAuth.Username, ":")) {
		bad("basic_auth.username: must be a name without a colon, got %q", c.BasicAuth.Username)
	}
	if !httpheader.IsValue(string(c.BearerToken)) {
		bad("bearer_token: must hold neither control characters, such as the end of a line, nor spaces at its ends")
	}
	errs = append(errs, keyed.Below("tls", c.TLS.Validate()))

	within := func(key string, d, low, high time.Duration) {
		errs = append(errs, keyed.Range{Low: low, High: high}.Check(key, d))
	}
	within("timeout", c.Timeout, minTimeout, maxTimeout)
	within("resend_delay", c.ResendDelay, minResendDelay, maxResendDelay)
	if c.MaxAlerts < 0 || c.MaxAlerts > maxMaxAlerts {
		bad("max_alerts: must be between 1 and %d, got %d", maxMaxAlerts, c.MaxAlerts)
	}

	taken := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		clean := labelName(name)
		switch other, isTaken := taken[clean]; {
		case name == "":
			bad("labels[%q]: must have a name", name)
		case slices.Contains(ownLabels[:], clean):
			bad("labels[%q]: is a label that every alert has", name)
		case isTaken:
			bad("labels[%q]: would be the same label as labels[%q], %s", name, other, clean)
		}
		taken[clean] = name
	}
	if c.GeneratorURL != "" {
		if _, err := parseURL(c.GeneratorURL); err != nil {
			bad("generator_url: %w, got %q", err, shownURL(c.GeneratorURL))
		}
	}
	return errors.Join(errs...)
}

// withDefaults returns a copy of c with its defaults that shares no memory with c.
func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.ResendDelay == 0 {
		c.ResendDelay = time.Minute
	}
	if c.MaxAlerts == 0 {
		c.MaxAlerts = 1000
	}
	c.URLs = slices.Clone(c.URLs)
	c.Headers = maps.Clone(c.Headers)
	c.Labels = maps.Clone(c.Labels)
	return c
}

// shownConfig is a Config without its methods for printing.
type shownConfig Config

// shown returns a copy of c without the secrets in its URLs.
func (c Config) shown() shownConfig {
	urls := make([]string, len(c.URLs))
	for i, raw := range c.URLs {
		urls[i] = shownURL(raw)
	}
	c.URLs, c.GeneratorURL = urls, shownURL(c.GeneratorURL)
	return shownConfig(c)
}

// Format writes c as package fmt would, but without secrets.
func (c Config) Format(f fmt.State, verb rune) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), c.shown())
}

// MarshalJSON writes c without secrets, so that it can't be read back.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.shown()) }

// parseURL parses the URL of a page or a server. Its errors don't show the URL.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("must be an http or https URL")
	}
	return u, nil
}

// shownURL returns a URL, valid or not, without user information, query and fragment, which may
// be secrets.
func shownURL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "//")
	if !ok {
		scheme, rest = "", raw
	} else {
		scheme += "//"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	return scheme + rest
}
