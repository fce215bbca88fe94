package alertmanager

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/alert"
)

func TestValidate(t *testing.T) {
	ok := []string{"http://am:9093"}
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"smallest", Config{URLs: ok}, ""},
		{"everything", Config{
			URLs: []string{"https://am-0.example/prefix/", "http://[::1]:9093"}, BasicAuth: BasicAuth{"me", "pw"},
			Headers: map[string]alert.Secret{"X-Scope-OrgID": "7"}, TLS: TLS{CertFile: "c", KeyFile: "k"}, Timeout: time.Minute, ResendDelay: 5 * time.Minute,
			MaxAlerts: 100_000, Labels: map[string]string{"service.namespace": "shop", "1st": ""}, Severity: "page", GeneratorURL: "https://x.example/?a=b#c",
		}, ""},
		{"user in a URL", Config{URLs: []string{"http://me:pw@am:9093", "http://am:9094"}}, ""},
		{"none", Config{}, "urls: must not be empty"},
		{"empty URL", Config{URLs: []string{""}}, `urls[0]: must be an http or https URL, got ""`},
		{"no scheme", Config{URLs: []string{"http://ok", "am:9093"}}, `urls[1]: must be an http or https URL, got "am:9093"`},
		{"no host", Config{URLs: []string{"http://:9093"}}, `urls[0]: must be an http or https URL, got "http://:9093"`},
		{"other scheme", Config{URLs: []string{"unix://me:pw@x"}}, `urls[0]: must be an http or https URL, got "unix://x"`},
		{"bad port", Config{URLs: []string{"http://me:p/w@am:x"}}, `urls[0]: must be an http or https URL, got "http://am:x"`},
		{"query", Config{URLs: []string{"http://am/?token=pw"}}, `urls[0]: must have neither a query nor a fragment, got "http://am/" and one`},
		{"fragment", Config{URLs: []string{"http://am/#pw"}}, `urls[0]: must have neither a query nor a fragment, got "http://am/" and one`},
		{"two users", Config{URLs: []string{"http://me:pw@am"}, BearerToken: "pw"}, "there must be one authorization, got user information in urls and bearer_token"},
		{"three users", Config{URLs: ok, BasicAuth: BasicAuth{"me", "pw"}, BearerToken: "pw", Headers: map[string]alert.Secret{"authorization": "pw"}},
			"there must be one authorization, got basic_auth and bearer_token and headers[authorization]"},
		{"no name", Config{URLs: ok, BasicAuth: BasicAuth{Password: "pw"}}, `basic_auth.username: must be a name without a colon, got ""`},
		{"colon", Config{URLs: ok, BasicAuth: BasicAuth{Username: "a:b"}}, `basic_auth.username: must be a name without a colon, got "a:b"`},
		{"end of line", Config{URLs: ok, BearerToken: "pw\n"}, "bearer_token: must hold neither control characters, such as the end of a line, nor spaces at its ends"},
		{"header's name", Config{URLs: ok, Headers: map[string]alert.Secret{"a b": "pw"}}, `headers["a b"]: must be the name of a header`},
		{"own header", Config{URLs: ok, Headers: map[string]alert.Secret{"content-type": "pw"}}, `headers["content-type"]: is set by the notifier`},
		{"header's value", Config{URLs: ok, Headers: map[string]alert.Secret{"X": "pw\r\nY: pw"}}, `headers["X"]: the value must hold neither control characters nor spaces at its ends`},
		{"certificate", Config{URLs: ok, TLS: TLS{KeyFile: "k"}}, `tls.cert_file: must be set together with key_file, got "" and "k"`},
		{"timeout", Config{URLs: ok, Timeout: time.Hour}, "timeout: must be between 10ms and 1m, got 1h0m0s"},
		{"resend_delay", Config{URLs: ok, ResendDelay: time.Millisecond}, "resend_delay: must be between 100ms and 5m, got 1ms"},
		{"max_alerts", Config{URLs: ok, MaxAlerts: -1}, "max_alerts: must be between 1 and 100000, got -1"},
		{"no label", Config{URLs: ok, Labels: map[string]string{"": "x"}}, `labels[""]: must have a name`},
		{"own label", Config{URLs: ok, Labels: map[string]string{"service.name": "x"}}, `labels["service.name"]: is a label that every alert has`},
		{"two labels", Config{URLs: ok, Labels: map[string]string{"a.b": "x", "a-b": "y"}}, `labels["a.b"]: would be the same label as labels["a-b"], a_b`},
		{"generator_url", Config{URLs: ok, GeneratorURL: "ftp://me:pw@x?pw"}, `generator_url: must be an http or https URL, got "ftp://x"`},
		{"all at once", Config{MaxAlerts: -1, Timeout: -1}, "urls: must not be empty\ntimeout: must be between 10ms and 1m, got -1ns\nmax_alerts: must be between 1 and 100000, got -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.config.Validate()
			if got := fmt.Sprint(errors.Join(err)); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if tt.want == "" {
				return
			}
			if _, err := New(tt.config); err == nil || err.Error() != "alertmanager: "+tt.want {
				t.Errorf("New returns %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	got := Config{}.withDefaults()
	want := Config{Timeout: 10 * time.Second, ResendDelay: time.Minute, MaxAlerts: 1000}
	if diff := cmp.Diff(shownConfig(want), shownConfig(got)); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestPrinted(t *testing.T) {
	c := Config{URLs: []string{"http://me:s3cret@am"}, BasicAuth: BasicAuth{"me", "s3cret"}, Severity: "page"}
	want := "{URLs:[http://am] BasicAuth:{Username:me Password:[REDACTED]} BearerToken: Headers:map[] " +
		"TLS:{CAFile: CertFile: KeyFile: ServerName: InsecureSkipVerify:false} Timeout:0s ResendDelay:0s MaxAlerts:0 Labels:map[] Severity:page GeneratorURL:}"
	if got := fmt.Sprintf("%+v", c); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c.URLs[0] != "http://me:s3cret@am" {
		t.Errorf("printing changed it to %q", c.URLs[0])
	}
}

// Whatever the secrets are and wherever they stand, they are in nothing that can be seen: the
// printed forms of the configuration and the notifier, errors, statistics; not even if
// the server tells them.
func TestSecretsStaySecret(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, "bad request: ")
		for name, values := range req.Header {
			_, _ = fmt.Fprintf(w, "%s: %s\n", name, values[0])
		}
	}))
	defer echo.Close()
	rapid.Check(t, func(rt *rapid.T) {
		secret := func(name string) string {
			return "S3C" + rapid.StringMatching(`[a-zA-Z0-9!$&*+,;=._~-]{3,40}`).Draw(rt, name)
		}
		bad := rapid.SampledFrom([]string{"", "", "\n", "\x00"}).Draw(rt, "bad")
		var secrets []string
		with := func(name string) string {
			s := secret(name)
			secrets = append(secrets, s)
			return s
		}
		c := Config{URLs: []string{echo.URL}, Timeout: time.Second, Headers: map[string]alert.Secret{"X-Key": alert.Secret(with("header") + bad)}}
		switch rapid.IntRange(0, 3).Draw(rt, "way") {
		case 0:
			pw := with("password")
			c.BasicAuth = BasicAuth{"me", alert.Secret(pw + bad)}
			secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte("me:"+pw)))
		case 1:
			c.BearerToken = alert.Secret(with("token") + bad)
		case 2:
			user, pw := with("user"), with("password")
			c.URLs[0] = strings.Replace(c.URLs[0], "//", "//"+user+":"+pw+rapid.SampledFrom([]string{"", "", "%zz", "/", "?", " "}).Draw(rt, "broken")+"@", 1)
			secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(user+":"+pw)))
		case 3:
			c.URLs[0] += "?token=" + with("query")
			c.GeneratorURL = "http://" + with("generator") + "@x/"
		}
		var seen strings.Builder
		show := func(v any) {
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3v"} {
				_, _ = fmt.Fprintf(&seen, format+"\n", v)
			}
			if text, err := json.Marshal(v); err == nil {
				seen.Write(text)
			}
		}
		show(c)
		show(&c)
		show(struct{ C Config }{c})
		show([]any{c, c.BasicAuth, c.BearerToken, c.Headers})
		show(c.Validate())
		n, err := New(c)
		show(err)
		if err == nil {
			err := n.Notify(t.Context(), []alert.Alert{firing("a")})
			if err == nil || !strings.Contains(err.Error(), "bad request") {
				rt.Errorf("got %v", err)
			}
			show(err)
			show(n)
			show(n.Stats())
			if err := n.Close(t.Context()); err != nil {
				rt.Error(err)
			}
		}
		for _, s := range secrets {
			for _, form := range []string{s, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))} {
				if strings.Contains(seen.String(), form) {
					rt.Fatalf("secret %q is in %s", form, seen.String())
				}
			}
		}
	})
}
