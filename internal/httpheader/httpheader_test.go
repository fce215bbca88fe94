package httpheader

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	type secret string
	for _, tt := range []struct {
		name    string
		headers map[string]secret
		want    []string
	}{
		{"none", nil, nil},
		{"some", map[string]secret{"Authorization": "Bearer x", "X-Scope-OrgID": "7", "x_y": "tab\tinside", "X-Empty": "", "X-Name": "é"}, nil},
		{"no names", map[string]secret{"": "pw", "a b": "pw", "a:": "pw", "ä": "pw", "a\r\nb": "pw"}, []string{
			`headers[""]: must be the name of a header`, `headers["a\r\nb"]: must be the name of a header`, `headers["a b"]: must be the name of a header`,
			`headers["a:"]: must be the name of a header`, `headers["ä"]: must be the name of a header`,
		}},
		{"the sender's own", map[string]secret{"content-length": "pw", "upgrade": "pw", "webhook-id": "pw"}, []string{
			`headers["content-length"]: is set by the notifier`, `headers["upgrade"]: is set by the notifier`, `headers["webhook-id"]: is set by the notifier`,
		}},
		{"twice", map[string]secret{"X-Key": "pw", "x-key": "pw2"}, []string{`headers["x-key"]: is the same header as "X-Key"`}},
		{"values", map[string]secret{"A": "pw\r\nEvil: pw", "B": " pw", "C": "pw\u0085", "D": "pw\x00", "E": "pw\x7f"}, []string{
			`headers["A"]: the value must hold neither control characters nor spaces at its ends`,
			`headers["B"]: the value must hold neither control characters nor spaces at its ends`,
			`headers["C"]: the value must hold neither control characters nor spaces at its ends`,
			`headers["D"]: the value must hold neither control characters nor spaces at its ends`,
			`headers["E"]: the value must hold neither control characters nor spaces at its ends`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := Validate(tt.headers, "Webhook-Id"); err != nil {
				got = err.Error()
			}
			if want := strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(got, "pw") {
				t.Errorf("the error shows a value: %s", got)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-5": 0, "1.5": 0, "never": 0,
		"86400": 24 * time.Hour, "86401": 24 * time.Hour, "18446744073709551615": 24 * time.Hour, "99999999999999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat):                  90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):                        0,
		now.Add(1000 * time.Hour).Format(http.TimeFormat):                  24 * time.Hour,
		now.Add(time.Minute).Format("Monday, 02-Jan-06 15:04:05") + " GMT": time.Minute,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {header}}, now); got != want {
			t.Errorf("RetryAfter(%q) = %s, want %s", header, got, want)
		}
	}
	if got := RetryAfter(nil, now); got != 0 {
		t.Errorf("without the header: %s", got)
	}
}

// Whatever a receiver asks for, it is waited for no longer than a day.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", int64(0))
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT", int64(784111777))
	f.Add("99999999999999999999", int64(-1))
	f.Fuzz(func(t *testing.T, value string, now int64) {
		if d := RetryAfter(http.Header{"Retry-After": {value}}, time.Unix(now, 0)); d < 0 || d > maxRetryAfter {
			t.Errorf("%q at %d: %s", value, now, d)
		}
	})
}
