package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/internal/httpheader"
)

// printed returns v in every way in which it may be shown by accident.
func printed(t rapid.TB, v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	fmt.Fprintln(&b, v)
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	if err, ok := v.(error); ok {
		b.WriteString(err.Error())
		return b.String()
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(data)
	return b.String()
}

// checkHidden checks that nothing of what was printed holds a secret, in whatever way.
func checkHidden(t rapid.TB, what, text string, secrets ...string) {
	for _, secret := range secrets {
		for _, way := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
			fmt.Sprintf("%q", secret)[1:], fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
		} {
			way = strings.TrimSuffix(way, `"`)
			if strings.Contains(strings.ToLower(text), strings.ToLower(way)) {
				t.Fatalf("%s shows the secret %q: %s", what, secret, text)
			}
		}
	}
}

// echo answers with all that it got, in one way or another.
func echo(mode string, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	headers := new(bytes.Buffer)
	_ = r.Header.Write(headers)
	all := r.RequestURI + " " + r.URL.String() + " " + r.URL.Path + "\n" + r.URL.Query().Encode() + headers.String() + string(body)
	quoted, _ := json.Marshal(all)
	user, password, _ := r.BasicAuth()
	switch mode {
	case "final":
		w.WriteHeader(400)
		_, _ = io.WriteString(w, all)
	case "password":
		w.WriteHeader(401)
		_, _ = fmt.Fprintf(w, "user %s, password %s", user, password)
	case "retry":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(503)
		_, _ = w.Write(quoted)
	case "code":
		_, _ = fmt.Fprintf(w, `{"code":1,"errcode":1,"msg":%s}`, quoted)
	case "no code":
		_, _ = w.Write([]byte(html.EscapeString(all)))
	case "query":
		w.WriteHeader(404)
		_, _ = io.WriteString(w, r.URL.RawQuery)
	case "path":
		w.WriteHeader(404)
		_, _ = io.WriteString(w, r.URL.Path)
	case "header":
		w.WriteHeader(422)
		_, _ = io.WriteString(w, r.Header.Get("X-Key"))
	case "escaped header":
		w.WriteHeader(422)
		_, _ = io.WriteString(w, url.PathEscape(r.Header.Get("X-Key")))
	case "redirect":
		w.Header().Set("Location", "http://"+url.QueryEscape(r.Header.Get("X-Key"))+".example.com"+r.RequestURI)
		w.WriteHeader(302)
	case "redirect to nothing":
		w.Header().Set("Location", "http://[::1"+r.RequestURI)
		w.WriteHeader(307)
	case "loop":
		w.Header().Set("Location", r.RequestURI)
		w.WriteHeader(307)
	case "malformed", "cut":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if mode == "malformed" {
			_, _ = fmt.Fprintf(conn, "%s %q\r\n\r\n", r.RequestURI, r.Header.Get("X-Key"))
		}
		_ = conn.Close()
	}
}

var echoes = []string{"final", "password", "retry", "code", "no code", "query", "path", "header", "escaped header", "redirect", "redirect to nothing", "loop", "malformed", "cut"}

// Secrets show up in no error and nowhere where a config or a notifier is printed, even if
// the receiver sends back what it got.
func TestSecretsNeverShow(t *testing.T) {
	var current atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { echo(current.Load().(string), w, r) })
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9]{8,20}([-+/=&<"\\ä%]?[a-zA-Z0-9]){0,3}`).Draw(t, "secret")
		mode := rapid.SampledFrom(echoes).Draw(t, "mode")
		current.Store(mode)
		c := configFor(rapid.SampledFrom(allFormats).Draw(t, "format"), "")
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("user", secret)
		u.Path = "/services/T000/" + secret
		u.RawQuery = "token=" + url.QueryEscape(secret)
		c.URL = u.String()
		c.Headers = map[string]alert.Secret{"X-Key": alert.Secret(secret), "X-Auth": alert.Secret("Bearer " + secret)}
		signing := "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret+strings.Repeat("x", 24)))
		c.Secrets = []alert.Secret{alert.Secret(signing)}
		switch c.Format {
		case DingTalk:
			c.DingTalkSecret = alert.Secret(secret)
		case Feishu:
			c.FeishuSecret = alert.Secret(secret)
		}
		if !httpheader.IsValue(secret) {
			t.Fatalf("%q is no value of a header", secret)
		}
		secrets := []string{secret, signing, strings.TrimPrefix(signing, "whsec_")}

		n, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = n.Close() }()
		checkHidden(t, "the config", printed(t, c), secrets...)
		checkHidden(t, "a pointer to the config", printed(t, &c), secrets...)
		checkHidden(t, "a config in something else", printed(t, map[string][]Config{"a": {c}}), secrets...)
		checkHidden(t, "the notifier", printed(t, n), secrets...)
		checkHidden(t, "the notifier among others", printed(t, []alert.Notifier{n}), secrets...)
		if !strings.Contains(printed(t, n), s.URL) {
			t.Fatalf("the notifier is printed without its host: %v", n)
		}

		err = n.Notify(context.Background(), []alert.Alert{incident()})
		if err == nil && mode != "code" && mode != "no code" {
			t.Fatal("no error")
		}
		if err != nil {
			checkHidden(t, mode, printed(t, err), secrets...)
		}
	})
}

func TestRedactor(t *testing.T) {
	const secret, key = `a&b<C"d\éf/+%gh`, "0123456789abcdef-XYZ"
	r := newRedactor(&Config{
		URL:      "https://user:pass@example.com/v2/zyxwvu/one%2ftwo%2fthree/1%2fafter-1/%61bcdefg?flag=no&k=v&token=q-token%2f1&valueless-key#fragment",
		Headers:  map[string]alert.Secret{"A": secret, "B": "1", "C": "Bearer token.of.c", "D": "a b c d"},
		Template: `{"key": "` + key + `", "x": {{json .CommonAnnotations}}}`,
	})
	inJSON, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		secret, strings.ToUpper(secret), url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), string(inJSON[1 : len(inJSON)-1]),
		fmt.Sprintf("%q", secret), fmt.Sprintf("%+q", secret), key, "zyxwvu", "pass",
		"one%2ftwo%2fthree", "one/two/three", "after-1", "%61bcdefg", "abcdefg", "flag=no&k=v&token=q-token%2f1&valueless-key", "q-token/1", "q-token%2f1", "valueless-key", "fragment", "token.of.c", "a b c d", base64.StdEncoding.EncodeToString([]byte("user:pass")),
	} {
		if got := r.text("a " + text + " b"); got != "(not shown: it holds a secret)" {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"user v2 1 a b CommonAnnotations": "user v2 1 a b CommonAnnotations", "a\nb\x00\xff\u202e": "a b\ufffd\ufffd\ufffd",
		strings.Repeat("ä", 200): strings.Repeat("ä", 200), strings.Repeat("ä", 201): strings.Repeat("ä", 200) + "…",
	} {
		if got := r.text(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// The same for what goes wrong without a receiver.
func TestSecretsNeverShowInOtherErrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9]{8,20}`).Draw(t, "secret")
		for _, c := range []Config{
			{URL: secret}, {URL: "ftp://" + secret}, {URL: secret + "://x"}, {URL: "https:///" + secret}, {URL: "https://user:" + secret + "/x@host"},
			{URL: "https://user:" + secret + "@ho st/"}, {URL: "http://host/%zz" + secret}, {URL: "http://h\x7f/" + secret},
			{URL: "http://host", Headers: map[string]alert.Secret{"A": alert.Secret(secret + "\n")}},
			{URL: "http://host", Secrets: []alert.Secret{alert.Secret(secret), alert.Secret("whsec_" + secret), alert.Secret("whsec_!" + secret)}},
			{URL: "http://host", DingTalkSecret: alert.Secret(secret), FeishuSecret: alert.Secret(secret)},
			{URL: "http://host", Format: Template, Template: `{"routing_key": "` + secret + secret + `"} {{.Nope}}`},
			{URL: "http://host", Format: Template, Template: `{"routing_key": "` + secret + secret + `} {{`},
			{URL: "http://host", Format: Template, Template: `{"routing_key": k` + secret + secret + `}`},
		} {
			err := c.Validate()
			if err == nil {
				t.Fatalf("%q is a valid URL", c.URL)
			}
			checkHidden(t, "the error", printed(t, err), secret)
			checkHidden(t, "the config", printed(t, c), secret)
		}
		with := func(base string) string { return base + "/" + secret + "?key=" + secret }
		for _, c := range []Config{
			{URL: with("http://127.0.0.1:1")}, {URL: with("http://localhost:1"), BlockPrivate: true},
			{URL: with("http://127.0.0.1:1"), Format: DingTalk, DingTalkSecret: alert.Secret(secret)},
			{URL: with("http://example.com"), Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("no way to %s: %w", r.URL, io.ErrUnexpectedEOF)
			})},
		} {
			n, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			if err = n.Notify(context.Background(), []alert.Alert{incident()}); err == nil {
				t.Fatal("no error")
			}
			checkHidden(t, "the error", printed(t, err), secret)
		}
	})
}

func TestProxyOfEnvironment(t *testing.T) {
	req := httptest.NewRequest(http.MethodPost, "http://example.com/", nil)
	if u, err := proxyOfEnvironment(req); err != nil || u != nil && u.Host == "" {
		t.Errorf("proxy = %v, %v", u, err)
	}
}
