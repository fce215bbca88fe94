package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/settings"
)

// Config says where a store keeps what it gets, and for how long. It is plain data; a zero
// field means its default. Its printed form shows no password.
type Config struct {
	// DSN is the database: the path of an SQLite file, "file:" with a path and SQLite's own
	// parameters, or a PostgreSQL URL "postgres://user:password@host/database", which may
	// hold pgx's parameters and search_path. The folder of a file must exist.
	// Default "go-monitor.db".
	DSN string `mapstructure:"dsn"`
	// Instance tells this process from others that write to the same database. Default: the
	// host's name and the process id, "web-1:4711".
	Instance string `mapstructure:"instance"`
	// Retention is the age at which periods and alerts are deleted, at least 1m. A negative
	// value keeps them forever. Processes that share a database should agree on it: the
	// shortest wins. Default 720h, which is 30 days.
	Retention time.Duration `mapstructure:"retention"`
	// Buffer is the number of periods and notifications that can wait while the database is
	// down, 1 to 100,000. Default 1000: 16 minutes of periods of 1s.
	Buffer int `mapstructure:"buffer"`
	// BufferSummaries is the number of summaries that can wait, in periods and in the
	// evidence of alerts together, 1 to 100,000,000. One takes about 1 KiB of memory.
	// Default 200,000: 100 periods of 2000 operations.
	BufferSummaries int `mapstructure:"buffer_summaries"`
	// Timeout is how long one attempt to write may take, 100ms to 10m. Default 10s.
	Timeout time.Duration `mapstructure:"timeout"`
}

// Defaults and bounds of [Config].
const (
	defaultDSN             = "go-monitor.db"
	defaultRetention       = 30 * 24 * time.Hour
	defaultBuffer          = 1000
	defaultBufferSummaries = 200_000
	defaultTimeout         = 10 * time.Second

	minRetention       = time.Minute
	maxBuffer          = 100_000
	maxBufferSummaries = 100_000_000
	minTimeout         = 100 * time.Millisecond
	maxTimeout         = 10 * time.Minute
)

// Validate returns the errors of all fields, joined. Each names the key and quotes the value;
// passwords are left out.
func (c Config) Validate() error {
	var errs []error
	if _, err := parseDSN(c.DSN); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, settings.Range{Low: minRetention, Negative: "to keep everything"}.Check("retention", c.Retention))
	within := func(key string, v, high int) {
		if v < 0 || v > high {
			errs = append(errs, fmt.Errorf("%s: must be between 1 and %d, got %d", key, high, v))
		}
	}
	within("buffer", c.Buffer, maxBuffer)
	within("buffer_summaries", c.BufferSummaries, maxBufferSummaries)
	errs = append(errs, settings.Range{Low: minTimeout, High: maxTimeout}.Check("timeout", c.Timeout))
	return errors.Join(errs...)
}

// withDefaults returns c with its zero fields set.
func (c Config) withDefaults() Config {
	orDefault(&c.DSN, defaultDSN)
	if c.Instance == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		c.Instance = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	orDefault(&c.Retention, defaultRetention)
	orDefault(&c.Buffer, defaultBuffer)
	orDefault(&c.BufferSummaries, defaultBufferSummaries)
	orDefault(&c.Timeout, defaultTimeout)
	return c
}

// orDefault sets a zero value.
func orDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// String returns c for people, without the password.
func (c Config) String() string {
	return fmt.Sprintf("{DSN:%q Instance:%q Retention:%s Buffer:%d BufferSummaries:%d Timeout:%s}",
		redacted(c.DSN), c.Instance, c.Retention, c.Buffer, c.BufferSummaries, c.Timeout)
}

// GoString returns what String does.
func (c Config) GoString() string { return "store.Config" + c.String() }

// MarshalJSON writes c as an object, without the password.
func (c Config) MarshalJSON() ([]byte, error) {
	type plain Config // has no methods
	c.DSN = redacted(c.DSN)
	return json.Marshal(plain(c))
}

// dsn is a parsed DSN.
type dsn struct {
	isPostgres bool
	text       string // for PostgreSQL the URL, for SQLite the path, escaped as in a URL
	params     string // of SQLite
}

// keyValues recognizes PostgreSQL's other form of a DSN. It must not become the name of a
// file, which would have a password in it.
var keyValues = regexp.MustCompile(`(?i)(^|[\s?&;])(host|hostaddr|port|user|password|dbname|sslmode|service)\s*=`)

// noScheme recognizes a URL without its scheme, by a user and a password before its host. It
// must not become the name of a file, either. A path with a colon and an @ in its first part
// begins with "./".
var noScheme = regexp.MustCompile(`^[\s/:]*[^/@\s]*:[^@]*@`)

var errNoScheme = errors.New("dsn: a user and a password without a scheme, want postgres://user:password@host/database, or ./ before the path of a file")

// scheme recognizes URLs; a single letter is a drive of Windows.
var scheme = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]+):`)

// parseDSN parses a DSN. Its errors quote only what can't be a secret.
func parseDSN(text string) (dsn, error) {
	if text == "" {
		text = defaultDSN
	}
	switch m := scheme.FindStringSubmatch(text); {
	case m == nil:
		if keyValues.MatchString(text) {
			return dsn{}, errors.New("dsn: key=value pairs are not supported, want postgres://user:password@host/database")
		}
		if noScheme.MatchString(text) {
			return dsn{}, errNoScheme
		}
		if text == ":memory:" {
			return dsn{}, fmt.Errorf("dsn: a database in memory can't be shared by the store's connections, want a file, got %q", text)
		}
		return dsn{text: escapePath(text)}, nil
	case m[1] == "postgres" || m[1] == "postgresql":
		if _, err := url.Parse(text); err != nil { // the error would quote the whole of it
			return dsn{}, fmt.Errorf("dsn: not a URL; special characters in a user or password must be escaped (%%40 for @), got %q", redacted(text))
		}
		return dsn{isPostgres: true, text: text}, nil
	case m[1] == "file":
		path, params, _ := strings.Cut(strings.TrimPrefix(text, "file:"), "?")
		values, err := url.ParseQuery(params)
		if err != nil {
			return dsn{}, fmt.Errorf("dsn: parameters of %q: %w", path, err)
		}
		if path == "" || path == ":memory:" || values.Get("mode") == "memory" {
			return dsn{}, fmt.Errorf("dsn: a database in memory can't be shared by the store's connections, want a file, got %q", text)
		}
		return dsn{text: path, params: params}, nil
	case !strings.HasPrefix(text, m[0]+"//") && noScheme.MatchString(text):
		return dsn{}, errNoScheme
	default:
		return dsn{}, fmt.Errorf("dsn: unknown scheme %q, want a path, file: or postgres://", m[1])
	}
}

// escapePath returns a path escaped for a file: URL.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// redacted returns a DSN without what may be secret. Of a DSN that can't be parsed, or whose
// password may have been taken for something else, only the scheme is left.
func redacted(text string) string {
	m := scheme.FindStringSubmatch(text)
	switch {
	case m == nil && (keyValues.MatchString(text) || noScheme.MatchString(text)):
		return "..."
	case m == nil || m[1] == "file":
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.Opaque != "" || u.User == nil && strings.Contains(text, "@") || strings.Contains(u.Path, "@") {
		return m[1] + "://..."
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", "" // may hold a password, too
	return u.String()
}
