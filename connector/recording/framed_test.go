package recording

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
)

// framed returns messages with the length of each before it.
func framed(messages ...[]byte) []byte {
	var b []byte
	for _, m := range messages {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(m))), m...)
	}
	return b
}

func protobufOf(t testing.TB, spans ...recordingtest.Span) []byte {
	t.Helper()
	b, err := new(ptrace.ProtoMarshaler).MarshalTraces(recordingtest.Traces(spans...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the file exporter writes as protobuf, or compresses, plays like its lines of JSON.
func TestPlayFramed(t *testing.T) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close() //nolint:errcheck // Nothing is left in it.
	one, two := protobufOf(t, at(1), at(2)), protobufOf(t, at(3))
	line := recordingtest.Line(t, at(4))
	zstded := func(b []byte) []byte { return encoder.EncodeAll(b, nil) }
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(framed(one, two)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		content []byte
		want    []string
		err     string
	}{
		"protobuf":           {framed(one, two), []string{"1", "2", "3"}, ""},
		"gzip":               {zipped.Bytes(), []string{"1", "2", "3"}, ""},
		"zstd":               {framed(zstded(one), zstded(line)), []string{"1", "2", "4"}, ""},
		"empty message":      {framed(one, nil, two), []string{"1", "2", "3"}, ""},
		"cut off":            {framed(one, two)[:len(framed(one, two))-1], nil, "standard input:2: the message is cut off"},
		"cut off length":     {append(framed(one), 0, 0), nil, "standard input:2: the message is cut off"},
		"malformed":          {framed(one, []byte("\x0a\x05a")), nil, "standard input:2: is no OTLP protobuf: "},
		"malformed zstd":     {framed(one, []byte("\x28\xb5\x2f\xfd....")), nil, "standard input:2: "},
		"malformed JSON":     {framed(one, []byte("{")), nil, "standard input:2: is no OTLP JSON: "},
		"length of 500 MB":   {append([]byte{0x1e, 0, 0, 0}, one...), nil, "standard input:1: the message is cut off"},
		"length of 536 MB":   {append([]byte{0x20 - 1, 0xff, 0xff, 0xff}, one...), nil, "standard input:1: the message is cut off"},
		"too long a message": {append(framed(one), 0xff, 0, 0, 0), nil, "standard input:2: is a message of 4278190080 bytes, or no recording at all"},
	} {
		t.Run(name, func(t *testing.T) {
			names, stats, err := played(t, Player{Stdin: bytes.NewReader(tt.content), Grace: time.Minute})
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || !slices.Equal(names, tt.want) || stats.Spans != uint64(len(tt.want)) {
				t.Errorf("%v, %d spans (%v), want %v", names, stats.Spans, err, tt.want)
			}
		})
	}
}

// What is bad is left out where that is asked for.
func TestPlayFramedSkipBad(t *testing.T) {
	content := framed(protobufOf(t, at(1)), []byte("\x0a\x05a"), protobufOf(t, at(2)))
	names, stats, err := played(t, Player{Stdin: bytes.NewReader(content), Grace: time.Minute, SkipBad: true})
	if err != nil || !slices.Equal(names, []string{"1", "2"}) || stats.Bad != 1 {
		t.Errorf("%v, %d bad (%v)", names, stats.Bad, err)
	}
}
