package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Document is all that outlives the process, as plain data.
type Document struct {
	// Monitor is the name of the monitor that wrote it.
	Monitor string `json:"monitor"`
	// Instance is the process that wrote it, "web-1:4711".
	Instance string `json:"instance,omitempty"`
	// Period is the length of its periods.
	Period time.Duration `json:"period_ns"`
	// PeriodEnd is the end of the last period that is part of it.
	PeriodEnd time.Time `json:"period_end"`
	// Sections hold what the parts of the monitor remember, by the name of the part.
	Sections map[string]Section `json:"sections"`
}

// Section is what one part of a monitor remembers.
type Section struct {
	// Version is that of the form of Data, which the part gives it.
	Version int `json:"version"`
	// Data is what the part remembers.
	Data json.RawMessage `json:"data"`
}

// The reasons why a document can't be read.
var (
	errCorrupt = errors.New("corrupt")
	errNewer   = errors.New("written by a newer version of go-monitor")
)

// formatVersion is the version of a document as a whole. It changes only if an older program
// could not even find the sections.
const formatVersion = 1

// magic begins the first line, which goes on with the version, the length of the rest in bytes and
// its SHA-256.
const magic = "go-monitor state"

// Encode returns the document as bytes: a line with version, length and checksum, and then JSON.
func (d *Document) Encode() ([]byte, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	text := fmt.Appendf(nil, "%s %d %d %s\n", magic, formatVersion, len(body), hex.EncodeToString(sum[:]))
	return append(append(text, body...), '\n'), nil
}

// Decode reads what Encode wrote. It returns an error for what was cut, changed, or written by a
// newer version.
func Decode(data []byte) (*Document, error) {
	line, body, _ := bytes.Cut(data, []byte("\n"))
	head, isOurs := bytes.CutPrefix(line, []byte(magic+" "))
	if !isOurs {
		return nil, fmt.Errorf("%w: not a state of go-monitor", errCorrupt)
	}
	fields := bytes.Fields(head)
	if len(fields) == 0 {
		return nil, fmt.Errorf("%w: no version", errCorrupt)
	}
	version, err := strconv.ParseUint(string(fields[0]), 10, 31)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: version %q", errCorrupt, short(fields[0]))
	case version > formatVersion:
		return nil, fmt.Errorf("%w: format %d, and this one knows up to %d", errNewer, version, formatVersion)
	case version < 1 || len(fields) != 3:
		return nil, fmt.Errorf("%w: first line %q", errCorrupt, short(line))
	}
	length, err := strconv.Atoi(string(fields[1]))
	if body = bytes.TrimSuffix(body, []byte("\n")); err != nil || length != len(body) {
		return nil, fmt.Errorf("%w: %d bytes, want %s", errCorrupt, len(body), short(fields[1]))
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != string(fields[2]) {
		return nil, fmt.Errorf("%w: the checksum does not fit", errCorrupt)
	}
	d := new(Document)
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return d, nil
}

// short returns the beginning of a text that came from outside.
func short(text []byte) string { return string(text[:min(len(text), 80)]) }
