package webhook

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shown returns the parts of a URL that hold no secrets: its scheme and host.
func shown(text string) string {
	if checkURL(text) != nil {
		return "(no valid url)"
	}
	u, err := url.Parse(text)
	if err != nil {
		return "(no valid url)"
	}
	return u.Scheme + "://" + u.Host
}

// String returns the format and the URL's scheme and host.
func (c Config) String() string { return fmt.Sprintf("%s webhook %s", c.Format, shown(c.URL)) }

// GoString returns the same as String.
func (c Config) GoString() string { return c.String() }

// LogValue returns the format and the URL's scheme and host.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("format", c.Format.String()), slog.String("url", shown(c.URL)))
}

// MarshalJSON returns the format and the URL's scheme and host.
func (c Config) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"format": c.Format.String(), "url": shown(c.URL)})
}

// String returns the format and the URL's scheme and host.
func (n *Notifier) String() string { return n.config.String() }

// Format writes what String returns, whatever the verb.
func (n *Notifier) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(n.String())) }

// LogValue returns the format and the URL's scheme and host.
func (n *Notifier) LogValue() slog.Value { return n.config.LogValue() }

// MarshalJSON returns the format and the URL's scheme and host.
func (n *Notifier) MarshalJSON() ([]byte, error) { return n.config.MarshalJSON() }

const (
	// leastSecret is the number of characters from which a part of a URL or a header may be
	// a secret. Shorter ones are like "v2" or "Basic".
	leastSecret = 6
	// leastKey is the number of characters from which a word of a template may be a secret.
	leastKey = 16
	// maxShown is the number of characters that are shown of a receiver's answer.
	maxShown = 200
)

// templateActions matches the actions of a template, which its errors show.
var templateActions = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// redactor keeps secrets out of texts of others, such as a receiver's answer, which may
// repeat what was sent.
type redactor struct {
	// secrets are in lower case, each in all ways in which it may be escaped.
	secrets []string
}

// newRedactor returns a redactor of the secrets in c.
func newRedactor(c *Config) redactor {
	var r redactor
	if u, err := url.Parse(c.URL); err == nil {
		if u.User != nil {
			password, _ := u.User.Password()
			r.add(1, password)
			r.add(leastSecret, u.User.Username(), base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		}
		r.add(leastSecret, u.Fragment, u.RawQuery)
		r.add(leastSecret, strings.Split(u.Path, "/")...)
		for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
			r.add(leastSecret, segment)
			if whole, err := url.PathUnescape(segment); err == nil { // it may hold a slash
				r.add(leastSecret, whole)
			}
		}
		for key, values := range u.Query() {
			r.add(leastSecret, key)
			r.add(leastSecret, values...)
		}
	}
	for _, value := range c.Headers {
		r.add(leastSecret, string(value))
		r.add(leastSecret, strings.Fields(string(value))...)
	}
	r.add(1, string(c.DingTalkSecret), string(c.FeishuSecret))
	for _, secret := range c.Secrets {
		r.add(1, string(secret), strings.TrimPrefix(string(secret), secretPrefix))
	}
	r.add(leastKey, strings.FieldsFunc(templateActions.ReplaceAllString(c.Template, " "), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-' && c != '_'
	})...)
	return r
}

// add adds those values that have at least the given number of characters.
func (r *redactor) add(least int, values ...string) {
	for _, v := range values {
		if v == "" || utf8.RuneCountInString(v) < least {
			continue
		}
		quoted := strconv.Quote(v)
		ascii := strconv.QuoteToASCII(v)
		inJSON, _ := json.Marshal(v)
		for _, way := range []string{
			v, url.PathEscape(v), url.QueryEscape(v), html.EscapeString(v),
			quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1], string(inJSON[1 : len(inJSON)-1]),
		} {
			r.secrets = append(r.secrets, strings.ToLower(way))
		}
	}
}

// text returns the beginning of s in one line. If s holds a secret anywhere, it returns nothing
// of s.
func (r redactor) text(s string) string {
	lower := strings.ToLower(s)
	for _, secret := range r.secrets {
		if strings.Contains(lower, secret) {
			return "(not shown: it holds a secret)"
		}
	}
	s = oneLine(s)
	if runes := []rune(s); len(runes) > maxShown {
		s = string(runes[:maxShown]) + "…"
	}
	return s
}
