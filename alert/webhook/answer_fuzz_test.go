package webhook

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Whatever a receiver answers, the error is short, in one line and visible, and asks for no more
// than a day.
func FuzzAnswer(f *testing.F) {
	f.Add(uint8(0), 503, "120", []byte("try later"))
	f.Add(uint8(2), 200, "", []byte(`{"code":11232,"msg":"too many request"}`))
	f.Add(uint8(3), 200, "", []byte(`{"errcode":"0"}`))
	f.Add(uint8(4), 200, "", []byte(`{"errcode":1e400}`))
	f.Add(uint8(2), 400, "Fri, 31 Dec 9999 23:59:59 GMT", []byte(`{"code":null,"StatusCode":0}`))
	f.Add(uint8(1), 99, "-1", []byte("\x1b[31m\u202e\xff"))
	f.Fuzz(func(t *testing.T, format uint8, status int, retryAfter string, body []byte) {
		n := newNotifier(t, configFor(allFormats[int(format)%len(allFormats)], "http://127.0.0.1/hook"))
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}}
		err := n.judge(resp, body, nil, start)
		isTaken := status >= 200 && status < 300
		if err == nil {
			if !isTaken {
				t.Errorf("%d %q is taken for a success", status, body)
			}
			return
		}
		text := err.Error()
		if !utf8.ValidString(text) || len(text) > 4*maxShown*utf8.UTFMax || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%d %q is told as %q", status, body, text)
		}
		if d := alert.RetryDelay(err); d < 0 || d > 24*time.Hour || d > 0 && alert.IsFinal(err) {
			t.Errorf("%d, Retry-After %q: again in %s, never %v", status, retryAfter, d, alert.IsFinal(err))
		}
	})
}

// A secret shows in no answer, in whichever part of the URL it is, and whether or not its key is
// told with it.
func FuzzRedactor(f *testing.F) {
	f.Add("s3cr3t-token", uint8(0), "invalid token: ", " (see docs)")
	f.Add("a b/c&d=e", uint8(1), "", "")
	f.Add("%2f\"<é>", uint8(2), "key=", "&x")
	f.Add("Bearer", uint8(3), "\xff", "\xff")
	f.Fuzz(func(t *testing.T, secret string, place uint8, before, after string) {
		if !utf8.ValidString(secret) || utf8.RuneCountInString(secret) < leastSecret || strings.ContainsFunc(secret, unicode.IsControl) {
			return
		}
		c := Config{URL: "https://example.com/"}
		switch place % 5 {
		case 0:
			c.URL += "?token=" + url.QueryEscape(secret)
		case 1:
			c.URL += url.PathEscape(secret) + "/send"
		case 2:
			c.URL = "https://user:" + url.QueryEscape(secret) + "@example.com/"
		case 3:
			c.Headers = map[string]alert.Secret{"X-Key": alert.Secret(secret)}
		case 4:
			c.FeishuSecret = alert.Secret(secret)
		}
		if place%5 == 2 && strings.Contains(secret, " ") { // a user's + is no space
			return
		}
		r := newRedactor(&c)
		for _, way := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ToUpper(secret)} {
			if got := r.text(before + way + after); got != "(not shown: it holds a secret)" {
				t.Errorf("%q in place %d, told as %q, is shown as %q", secret, place%5, way, got)
			}
		}
	})
}
