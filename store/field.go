package store

import (
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// field is a pointer to a value that goes into a column (Value) and comes back (Scan).
type field interface {
	driver.Valuer
	sql.Scanner
}

// count is a number of calls.
type count uint64

// Value returns a number that a signed column holds.
func (c *count) Value() (driver.Value, error) { return int64(min(uint64(*c), math.MaxInt64)), nil }

// Scan reads a number.
func (c *count) Scan(src any) error { return scanInt(src, c) }

// whole is a whole number.
type whole int

// Value returns the number.
func (w *whole) Value() (driver.Value, error) { return int64(*w), nil }

// Scan reads a number.
func (w *whole) Scan(src any) error { return scanInt(src, w) }

// scanInt reads a whole number.
func scanInt[T ~int | ~uint64](src any, to *T) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("want a whole number, got %T", src)
	}
	*to = T(n)
	return nil
}

// real is a number with a fraction.
type real float64

// Value returns the number; NaN and infinities become 0.
func (r *real) Value() (driver.Value, error) {
	if v := float64(*r); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return v, nil
	}
	return 0.0, nil
}

// Scan reads a number.
func (r *real) Scan(src any) error {
	v, err := asFloat(src)
	*r = real(v)
	return err
}

// millis is a duration in milliseconds.
type millis time.Duration

// Value returns milliseconds: a double holds them exactly to the nanosecond for durations
// of up to 100 days.
func (m *millis) Value() (driver.Value, error) {
	return float64(*m) / float64(time.Millisecond), nil
}

// Scan reads milliseconds.
func (m *millis) Scan(src any) error {
	v, err := asFloat(src)
	*m = millis(math.Round(v * float64(time.Millisecond)))
	return err
}

// asFloat returns a number from a column.
func asFloat(src any) (float64, error) {
	switch v := src.(type) {
	case float64:
		return v, nil
	case int64: // SQLite may give whole numbers as such
		return float64(v), nil
	}
	return 0, fmt.Errorf("want a number, got %T", src)
}

// flag is a boolean.
type flag bool

// Value returns the boolean.
func (f *flag) Value() (driver.Value, error) { return bool(*f), nil }

// Scan reads a boolean; SQLite has 1 and 0.
func (f *flag) Scan(src any) error {
	switch v := src.(type) {
	case bool:
		*f = flag(v)
	case int64:
		*f = v != 0
	default:
		return fmt.Errorf("want a boolean, got %T", src)
	}
	return nil
}

// words is a text from outside.
type words string

// Value returns the text as a database can hold it.
func (w *words) Value() (driver.Value, error) { return clean(string(*w)), nil }

// Scan reads a text.
func (w *words) Scan(src any) error {
	text, err := asText(src)
	*w = words(text)
	return err
}

// asText returns a text from a column.
func asText(src any) (string, error) {
	switch v := src.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("want a text, got %T", src)
}

// instant is a time, stored to the millisecond: as a timestamp in PostgreSQL, as a number in
// SQLite.
type instant time.Time

// Value returns the time.
func (t *instant) Value() (driver.Value, error) { return toMillisecond(time.Time(*t)), nil }

// Scan reads a time.
func (t *instant) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		*t = instant(time.UnixMilli(v).UTC())
	case time.Time:
		*t = instant(v.UTC())
	default:
		return fmt.Errorf("want a time, got %T", src)
	}
	return nil
}

// ending is an instant that may not have come yet: the zero time is null.
type ending time.Time

// Value returns the time.
func (e *ending) Value() (driver.Value, error) {
	if time.Time(*e).IsZero() {
		return nil, nil
	}
	return (*instant)(e).Value()
}

// Scan reads a time.
func (e *ending) Scan(src any) error {
	if src == nil {
		*e = ending{}
		return nil
	}
	return (*instant)(e).Scan(src)
}

// toMillisecond returns t truncated to the millisecond, as the databases hold it.
func toMillisecond(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// name is a value of an enumeration, by its name.
type name[T any, P interface {
	*T
	fmt.Stringer
	encoding.TextUnmarshaler
}] struct{ to P }

// Value returns the name.
func (n name[T, P]) Value() (driver.Value, error) { return n.to.String(), nil }

// Scan reads a name. One that this version does not know reads as the zero value.
func (n name[T, P]) Scan(src any) error {
	text, err := asText(src)
	if err != nil {
		return err
	}
	var v T
	if P(&v).UnmarshalText([]byte(text)) != nil {
		var zero T
		v = zero
	}
	*n.to = v
	return nil
}

// hexID is the id of a trace or a span, in hexadecimal. Without an id it is empty.
type hexID []byte

// Value returns the digits.
func (id hexID) Value() (driver.Value, error) {
	for _, b := range id {
		if b != 0 {
			return hex.EncodeToString(id), nil
		}
	}
	return "", nil
}

// Scan reads the digits.
func (id hexID) Scan(src any) error {
	text, err := asText(src)
	if err != nil {
		return err
	}
	clear(id)
	if hex.DecodedLen(len(text)) > len(id) {
		return fmt.Errorf("want an id of %d bytes, got %q", len(id), text)
	}
	_, err = hex.Decode(id, []byte(text))
	return err
}

// document is a value that its column holds as JSON.
type document struct{ of any }

// Value returns the JSON.
func (d document) Value() (driver.Value, error) {
	text, err := json.Marshal(d.of)
	return string(withoutNUL(text)), err
}

// withoutNUL replaces the character that PostgreSQL takes in no text.
func withoutNUL(text []byte) []byte {
	const nul, other = `\u0000`, `\ufffd`
	for i := 0; i+len(nul) <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if string(text[i:i+len(nul)]) == nul {
			copy(text[i:], other)
		}
		i++ // what is escaped
	}
	return text
}

// Scan reads JSON.
func (d document) Scan(src any) error {
	text, err := asText(src)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), d.of)
}

// intervals is a latency distribution as JSON: [[low_ms, high_ms or null, calls], ...].
type intervals []engine.Bucket

// Value returns the JSON.
func (b *intervals) Value() (driver.Value, error) {
	text := make([]byte, 0, 24*len(*b)+2)
	text = append(text, '[')
	for i, bucket := range *b {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, '[')
		text = appendMillis(text, bucket.Low)
		text = append(text, ',')
		if bucket.High == 0 {
			text = append(text, "null"...)
		} else {
			text = appendMillis(text, bucket.High)
		}
		text = append(text, ',')
		text = strconv.AppendUint(text, bucket.Count, 10)
		text = append(text, ']')
	}
	return string(append(text, ']')), nil
}

// appendMillis writes a duration in milliseconds.
func appendMillis(text []byte, d time.Duration) []byte {
	return strconv.AppendFloat(text, float64(d)/float64(time.Millisecond), 'f', -1, 64)
}

// Scan reads JSON.
func (b *intervals) Scan(src any) error {
	text, err := asText(src)
	if err != nil {
		return err
	}
	var rows [][3]float64 // null reads as 0
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return err
	}
	*b = nil
	for _, r := range rows {
		var low, high millis
		_, _ = low.Scan(r[0]), high.Scan(r[1])
		*b = append(*b, engine.Bucket{Low: time.Duration(low), High: time.Duration(high), Count: uint64(r[2])})
	}
	return nil
}
