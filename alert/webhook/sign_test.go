package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// The example of the Standard Webhooks reference libraries.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestStandardWebhooksExample(t *testing.T) {
	key, err := signingKey(exampleSecret)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	if got := signatures([][]byte{key}, exampleID, at, []byte(exampleBody)); got != exampleSignature {
		t.Errorf("signature = %s, want %s", got, exampleSignature)
	}
	h := http.Header{"Webhook-Id": {exampleID}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {exampleSignature}}
	if err := verify(h, []byte(exampleBody), exampleSecret, at); err != nil {
		t.Errorf("the test's own verification is wrong: %v", err)
	}
}

// verify is what a receiver does that follows https://www.standardwebhooks.com.
func verify(h http.Header, body []byte, secret alert.Secret, now time.Time) error {
	sent, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || h.Get("webhook-id") == "" {
		return fmt.Errorf("headers are missing in %v", h)
	}
	if age := now.Sub(time.Unix(sent, 0)); age > 5*time.Minute || age < -5*time.Minute {
		return fmt.Errorf("sent %s ago", age)
	}
	key, err := base64.StdEncoding.DecodeString(string(secret[len("whsec_"):]))
	if err != nil {
		return err
	}
	h256 := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(h256, "%s.%d.%s", h.Get("webhook-id"), sent, body)
	for _, signature := range strings.Split(h.Get("webhook-signature"), " ") {
		version, encoded, _ := strings.Cut(signature, ",")
		got, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(got, h256.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("no signature in %q matches", h.Get("webhook-signature"))
}

func whsec(b byte) alert.Secret {
	return alert.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+b)), 32))))
}

func TestSignature(t *testing.T) {
	var header http.Header
	var body []byte
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
	})
	ctx := alert.WithNotificationID(context.Background(), "n-1")
	post := func(ctx context.Context, f Format, secrets ...alert.Secret) {
		t.Helper()
		c := configFor(f, s.URL)
		c.Secrets = secrets
		n := newNotifier(t, c)
		err := n.Notify(ctx, []alert.Alert{incident()})
		if err != nil && !strings.Contains(err.Error(), "without a code") {
			t.Fatal(err)
		}
	}
	for _, f := range allFormats {
		post(ctx, f, whsec(0), whsec(1))
		for i := range byte(3) {
			if err := verify(header, body, whsec(i), time.Now()); (err == nil) != (i < 2) {
				t.Errorf("%s: secret %d of two: %v", f, i, err)
			}
		}
		if got := header.Get("webhook-id"); got != "n-1" {
			t.Errorf("id = %q, want that of the notification", got)
		}
	}
	post(ctx, Alertmanager, whsec(1))
	if err := verify(header, body, whsec(1), time.Now()); err != nil {
		t.Error(err)
	}
	if err := verify(header, append(body, ' '), whsec(1), time.Now()); err == nil {
		t.Error("another body has the same signature")
	}
	post(context.Background(), Alertmanager, whsec(1))
	first := header.Get("webhook-id")
	post(context.Background(), Alertmanager, whsec(1))
	if second := header.Get("webhook-id"); first == "" || first == second || strings.Contains(first, ".") {
		t.Errorf("ids made up: %q and %q", first, second)
	}
}

func TestSignDingTalk(t *testing.T) {
	var query url.Values
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query()
		_, _ = io.WriteString(w, `{"errcode":0}`)
	})
	const secret = "SECabc+/=&"
	if err := notify(t, Config{URL: s.URL + "/robot/send?access_token=abc", Format: DingTalk, DingTalkSecret: secret}); err != nil {
		t.Fatal(err)
	}
	sent, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
	if age := time.Since(time.UnixMilli(sent)); err != nil || age < -time.Minute || age > time.Minute {
		t.Errorf("timestamp = %q, want milliseconds", query.Get("timestamp"))
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(query.Get("timestamp") + "\n" + secret))
	if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); query.Get("sign") != want || query.Get("access_token") != "abc" {
		t.Errorf("query = %v, want the sign %s and the token", query, want)
	}
}

func TestSignDingTalkIsEscaped(t *testing.T) {
	for i := range 100 {
		at := time.UnixMilli(int64(i))
		u := &url.URL{}
		signDingTalk(u, "secret", at)
		if got, want := u.Query().Get("sign"), mac([]byte("secret"), []byte(strconv.Itoa(i)+"\nsecret")); got != want {
			t.Errorf("sign = %q, want %q", got, want)
		}
	}
}

func TestSignFeishu(t *testing.T) {
	var got struct{ Timestamp, Sign string }
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, `{"code":0}`)
	})
	if err := notify(t, Config{URL: s.URL, Format: Feishu, FeishuSecret: "secret"}); err != nil {
		t.Fatal(err)
	}
	sent, err := strconv.ParseInt(got.Timestamp, 10, 64)
	if age := time.Since(time.Unix(sent, 0)); err != nil || age < -time.Minute || age > time.Minute {
		t.Errorf("timestamp = %q, want seconds", got.Timestamp)
	}
	h := hmac.New(sha256.New, []byte(got.Timestamp+"\n"+"secret"))
	if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); got.Sign != want {
		t.Errorf("sign = %q, want %q", got.Sign, want)
	}
	// Computed with openssl: printf '' | openssl dgst -sha256 -mac HMAC -macopt hexkey:...
	if _, sign := signFeishu("demo", time.Unix(1599360473, 0)); sign != feishuExample {
		t.Errorf("sign = %q, want %q", sign, feishuExample)
	}
}

const feishuExample = "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
