package engine

import (
	"testing"
	"unicode/utf8"
)

func TestMessageTemplate(t *testing.T) {
	for message, want := range map[string]string{
		"":                                  "",
		"redis timeout":                     "redis timeout",
		"relation 'doc#nonsense' not found": "relation '*' not found",
		`duplicate key "orders_pkey"`:       `duplicate key "*"`,
		"dial tcp 10.0.0.7:5432: connect: connection refused":                    "dial tcp *: connect: connection refused",
		"dial tcp [::1]:5432: i/o timeout":                                       "dial tcp [::*]:*: i/o timeout",
		"user 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is gone":                      "user * is gone",
		"Waiting for lock behind 8 transactions":                                 "Waiting for lock behind * transactions",
		"http2: server sent GOAWAY":                                              "http2: server sent GOAWAY",
		"ERROR: duplicate key value (SQLSTATE 23505)":                            "ERROR: duplicate key value (SQLSTATE *)",
		"can't find it; don't ask":                                               "can't find it; don't ask",
		"ids [1, 2, 3] are unknown":                                              "ids [*] are unknown",
		"\n  first line\nsecond":                                                 "first line",
		"GET /users/17/orders/4: 404":                                            "GET /users/*/orders/*: *",
		"order took 1.5s":                                                        "order took *",
		`say "it`:                                                                `say "it`,
		"zeit überschritten nach 30s":                                            "zeit überschritten nach *",
		"context deadline exceeded (Client.Timeout exceeded while awaiting hdr)": "context deadline exceeded (Client.Timeout exceeded while awaiting hdr)",
	} {
		if got := MessageTemplate(message); got != want {
			t.Errorf("MessageTemplate(%q) = %q, want %q", message, got, want)
		}
	}
}

func FuzzMessageTemplate(f *testing.F) {
	f.Add("relation 'doc:7' not found")
	f.Add("* * *")
	f.Add("\xff\xfe 'a")
	f.Fuzz(func(t *testing.T, message string) {
		got := MessageTemplate(message)
		if len(got) > maxTemplate {
			t.Errorf("%d bytes", len(got))
		}
		if utf8.ValidString(message) && !utf8.ValidString(got) {
			t.Errorf("%q has no valid template: %q", message, got)
		}
	})
}
