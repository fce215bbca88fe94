package store

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		config Config
		want   []string // none: valid
	}{
		"zero":             {Config{}, nil},
		"path":             {Config{DSN: "/var/lib/x.db"}, nil},
		"Windows path":     {Config{DSN: `C:\x.db`}, nil},
		"file":             {Config{DSN: "file:x.db?mode=rwc"}, nil},
		"postgres":         {Config{DSN: "postgres://u:p@h/db?sslmode=require"}, nil},
		"postgresql":       {Config{DSN: "postgresql:///db"}, nil},
		"forever":          {Config{Retention: -1}, nil},
		"memory":           {Config{DSN: ":memory:"}, []string{`dsn: `, `":memory:"`}},
		"memory by file":   {Config{DSN: "file::memory:"}, []string{`dsn: `}},
		"memory by mode":   {Config{DSN: "file:x?mode=memory"}, []string{`dsn: `}},
		"parameters":       {Config{DSN: "file:x?a=%zz"}, []string{`dsn: `}},
		"key=value":        {Config{DSN: "host=h password=" + secret}, []string{`dsn: `}},
		"scheme":           {Config{DSN: "mysql://u:" + secret + "@h/db"}, []string{`dsn: unknown scheme "mysql"`}},
		"broken URL":       {Config{DSN: "postgres://u:" + secret + "%zz@h"}, []string{`dsn: not a URL`}},
		"retention":        {Config{Retention: time.Second}, []string{`retention: `, "1s"}},
		"buffer":           {Config{Buffer: -1}, []string{`buffer: `, "-1"}},
		"buffer_summaries": {Config{BufferSummaries: 1_000_000_000}, []string{`buffer_summaries: `, "1000000000"}},
		"timeout":          {Config{Timeout: time.Hour}, []string{`timeout: `, "1h"}},
		"all":              {Config{DSN: "xy:z", Retention: 1, Buffer: -1, BufferSummaries: -2, Timeout: 1}, []string{"dsn", "retention", "buffer:", "buffer_summaries", "timeout"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.config.Validate()
			if (err != nil) != (test.want != nil) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not hold %q", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%q holds the password", err)
			}
		})
	}
}

// However a config is printed, the password is not part of it.
func TestNoSecrets(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:" + secret + "@host/db",
		"postgres://host/db?user=u&password=" + secret + "&sslpassword=" + secret,
		"postgres://user:" + secret + "@[::1/db",
		"postgres:user:" + secret + "@host",
		"postgres://user:" + secret + "%zz@host/db",
		"host=h password=" + secret,
		"user:" + secret + "@host/db",
		"db_user:" + secret + "@host:5432/db",
		"//db_user:" + secret + "@host/db",
		" postgres://user:" + secret + "@host/db",
		"postgres:/user:" + secret + "@host/db",
		"my_host/db?user=u&password=" + secret,
		"user:" + secret + "@tcp(host:3306)/db",
		"postgres://user:12/" + secret + "@host/db",
		"postgres://user:12#" + secret + "@host/db",
		"postgres://user:12?" + secret + "@host/db",
		"mysql://user:" + secret + "@tcp(host)/db",
	} {
		c := Config{DSN: dsn, Instance: "web-1"}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", &c)
		js, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%v %+v %#v %s %q %v", c, c, c, c, c, &c) + string(js) + log.String()
		if strings.Contains(text, secret) || !strings.Contains(text, "web-1") {
			t.Errorf("printed: %s", text)
		}
	}
	if got := redacted("postgres://user:" + secret + "@host:5432/db?sslmode=require"); got != "postgres://user@host:5432/db" {
		t.Errorf("got %q", got)
	}
}

func TestDefaults(t *testing.T) {
	c := Config{}.withDefaults()
	if c.DSN != "go-monitor.db" || c.Retention != 720*time.Hour || c.Buffer < 600 || c.Timeout <= 0 || !strings.Contains(c.Instance, ":") {
		t.Errorf("got %+v", c)
	}
	own := Config{DSN: "x", Instance: "i", Retention: -1, Buffer: 1, BufferSummaries: 2, Timeout: time.Second}
	if got := own.withDefaults(); got != own {
		t.Errorf("got %+v, want %+v", got, own)
	}
}

// A password shows nowhere, whatever is around it and in it.
func FuzzDSN(f *testing.F) {
	f.Add(uint8(0), "user", "a@b/c#d?e%zz", "host:5432")
	f.Add(uint8(1), "my_user", "", "host/db")
	f.Add(uint8(4), "u-1", "p w", "[::1]")
	f.Fuzz(func(t *testing.T, form uint8, user, around, host string) {
		user = strings.Map(func(r rune) rune {
			if r == '_' || r == '-' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
				return r
			}
			return -1
		}, user)
		const secret = "s3cr3t"
		password := around + secret + around
		text := []string{
			"postgres://" + user + ":" + password + "@" + host, "postgresql://" + user + ":" + password + "@" + host + "/db",
			user + ":" + password + "@" + host, "//" + user + ":" + password + "@" + host, "postgres:" + user + ":" + password + "@" + host,
			"postgres:/" + user + ":" + password + "@" + host, "mysql://" + user + ":" + password + "@" + host, "host=" + user + " password=" + password,
		}[form%8]
		c := Config{DSN: text}
		shown := []string{redacted(text), c.String(), c.GoString()}
		if err := c.Validate(); err != nil {
			shown = append(shown, err.Error())
		}
		for _, s := range shown {
			if strings.Contains(s, secret) && !strings.Contains(user+host, secret) {
				t.Errorf("%q is shown as %q", text, s)
			}
		}
	})
}
