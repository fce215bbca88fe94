package webhook

import (
	"encoding"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/google/go-cmp/cmp"
)

func TestConfigValidate(t *testing.T) {
	const url = "https://example.com/x"
	for _, tt := range []struct {
		name string
		c    Config
		want []string
	}{
		{"all defaults", Config{URL: url}, nil},
		{"everything", Config{
			URL: "http://u:p@h:1/x?y=z", Headers: map[string]alert.Secret{"Authorization": "Bearer x"}, Secrets: []alert.Secret{whsec(0), whsec(1)},
			Timeout: time.Second, TLS: TLS{CertFile: "a", KeyFile: "b"}, BlockPrivate: true,
		}, nil},
		{"dingtalk", Config{URL: url, Format: DingTalk, DingTalkSecret: "x"}, nil},
		{"feishu", Config{URL: url, Format: Feishu, FeishuSecret: "x"}, nil},
		{"template", Config{URL: url, Format: Template, Template: "{}", ContentType: "application/vnd.x+json; a=b"}, nil},
		{"nothing", Config{}, []string{"url: is required"}},
		{"url", Config{URL: "https://a b"}, []string{"url: can't be read"}},
		{"scheme", Config{URL: "ftp://example.com"}, []string{"url: must begin with http:// or https://"}},
		{"no scheme", Config{URL: "example.com/x"}, []string{"url: must begin with http:// or https://"}},
		{"host", Config{URL: "https:///x"}, []string{"url: must have a host"}},
		{"port only", Config{URL: "https://:80/x"}, []string{"url: must have a host"}},
		{"port", Config{URL: "https://example.com:65536/x"}, []string{"url: must have a port up to 65535"}},
		{"no port", Config{URL: "https://example.com:000000/x"}, []string{"url: must have a port up to 65535"}},
		{"format", Config{URL: url, Format: 99}, []string{"format: must be one of [alertmanager slack feishu dingtalk wecom template], got Format(99)"}},
		{"headers", Config{URL: url, Headers: map[string]alert.Secret{"a b": "", "x-y": "v\r\nEvil: 1", "webhook-id": "", "content-type": "", "": ""}}, []string{
			`headers[""]: must be the name of a header`, `headers["a b"]: must be the name of a header`, `headers["content-type"]: is set by the notifier`,
			`headers["webhook-id"]: is set by the notifier`, `headers["x-y"]: the value must hold neither control characters nor spaces at its ends`,
		}},
		{"shortest and longest secret", Config{URL: url, Secrets: []alert.Secret{secretOf(24), secretOf(64)}}, nil},
		{"secrets of another length", Config{URL: url, Secrets: []alert.Secret{secretOf(23), secretOf(65)}}, []string{"secrets[0]: must be whsec_", "secrets[1]: must be whsec_"}},
		{"a header twice", Config{URL: url, Headers: map[string]alert.Secret{"X-Key": "1", "x-key": "2"}}, []string{`headers["x-key"]: is the same header as "X-Key"`}},
		{"secrets", Config{URL: url, Secrets: []alert.Secret{whsec(0), "whsec_short", whsec(1)[len("whsec_"):]}}, []string{
			"secrets: must be at most 2, got 3", "secrets[1]: must be whsec_", "secrets[2]: must be whsec_",
		}},
		{"of other formats", Config{URL: url, DingTalkSecret: "x", FeishuSecret: "x", Template: "x", ContentType: "a/b"}, []string{
			"dingtalk_secret: is only for the format dingtalk, got alertmanager", "feishu_secret: is only for", "template: is only for", "content_type: is only for",
		}},
		{"content type", Config{URL: url, Format: Template, Template: "x", ContentType: "text"}, []string{`content_type: must be a media type, got "text"`}},
		{"bad content type", Config{URL: url, Format: Template, Template: "x", ContentType: "text/"}, []string{`content_type: must be a media type, got "text/"`}},
		{"no template", Config{URL: url, Format: Template}, []string{"template: is required for the format template"}},
		{"unparsable template", Config{URL: url, Format: Template, Template: "{{"}, []string{"template: template:1: unclosed action"}},
		{"template function", Config{URL: url, Format: Template, Template: "{{nope}}"}, []string{`function "nope" not defined`}},
		{"template field", Config{URL: url, Format: Template, Template: "{{.CommonAnnotation}}"}, []string{`can't evaluate field CommonAnnotation`}},
		{"template not JSON", Config{URL: url, Format: Template, Template: `{"a": "{{json .Status}}"}`}, []string{"template: what it writes is not JSON"}},
		{"template without end", Config{URL: url, Format: Template, Template: `{{printf "%9000000d" 1}}`, ContentType: "text/plain"}, []string{"template: it writes more than 8388608 bytes"}},
		{"timeout", Config{URL: url, Timeout: -time.Second}, []string{"timeout: must be between 1ms and 5m, got -1s"}},
		{"long timeout", Config{URL: url, Timeout: time.Hour}, []string{"timeout: must be between 1ms and 5m, got 1h0m0s"}},
		{"certificate alone", Config{URL: url, TLS: TLS{CertFile: "x.pem"}}, []string{`tls.cert_file: must be set together with key_file, got "x.pem" and ""`}},
		{"transport", Config{URL: url, Transport: http.DefaultTransport, BlockPrivate: true, TLS: TLS{ServerName: "x"}}, []string{"block_private: does not work", "tls: does not work"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			if (err == nil) != (len(tt.want) == 0) {
				t.Fatalf("error = %v, want %q", err, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error = %q, want %q in it", err, want)
				}
			}
			if len(tt.c.Headers) > 0 && err != nil && strings.Contains(err.Error(), "Evil") {
				t.Errorf("error %q shows the value", err)
			}
			if err != nil {
				if _, newErr := New(tt.c); newErr == nil || newErr.Error() != err.Error() {
					t.Errorf("New says %v, Validate %v", newErr, err)
				}
			}
		})
	}
}

// secretOf returns a secret of n bytes.
func secretOf(n int) alert.Secret {
	return alert.Secret("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)))
}

func TestFormats(t *testing.T) {
	var _ encoding.TextMarshaler = Slack
	for _, f := range allFormats {
		text, err := f.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		got := Format(77)
		if err := got.UnmarshalText(text); err != nil || got != f {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	var f Format
	if err := f.UnmarshalText([]byte("Slack")); err == nil || !strings.Contains(err.Error(), `unknown format "Slack", want one of [alertmanager`) {
		t.Errorf("error = %v", err)
	}
}

// A config may be changed once it was given away.
func TestConfigIsCopied(t *testing.T) {
	c := Config{URL: "http://127.0.0.1", Headers: map[string]alert.Secret{"A": "b"}, Secrets: []alert.Secret{whsec(0)}}
	n := newNotifier(t, c)
	c.Headers["A"], c.Secrets[0] = "c", whsec(1)
	if diff := cmp.Diff(map[string]alert.Secret{"A": "b"}, n.config.Headers); diff != "" || n.config.Secrets[0] != whsec(0) {
		t.Errorf("the notifier shares its config: %s", diff)
	}
}
