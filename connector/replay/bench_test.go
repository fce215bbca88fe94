package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// recorded returns a recording of so many seconds of the shop's traffic, 250 spans in a line.
func recorded(b *testing.B, seconds int) (content []byte, spans int) {
	b.Helper()
	all := recordingtest.Shop(1, 1000, 0, time.Duration(seconds)*time.Second, time.Duration(seconds)*time.Second*3/4, 300*time.Millisecond)
	var lines [][]byte
	for rest := all; len(rest) > 0; {
		n := min(250, len(rest))
		lines, rest = append(lines, recordingtest.Line(b, rest[:n]...)), rest[n:]
	}
	return bytes.Join(lines, []byte("\n")), len(all)
}

// BenchmarkReplay is the engine's part: spans that are decoded and in order. A quarter of the
// traffic is slow and fires.
func BenchmarkReplay(b *testing.B) {
	for _, tt := range []struct {
		name         string
		peerServices bool
	}{{"plain", false}, {"peer services", true}} {
		b.Run(tt.name, func(b *testing.B) {
			content, n := recorded(b, 20)
			c := &gomonitorconnector.Config{TimelineConfig: engine.TimelineConfig{Config: engine.Config{Period: 3 * time.Second, Objective: engine.Objective{LatencyTarget: 100 * time.Millisecond, AlertAfter: 1}}, PeerServices: tt.peerServices}}
			reader, err := gomonitorconnector.NewSpanReader(c)
			if err != nil {
				b.Fatal(err)
			}
			var spans []engine.Span
			p := recording.Player{Stdin: bytes.NewReader(content), Reader: reader, Grace: time.Second}
			if _, err := p.Play(context.Background(), func(s *engine.Span) { spans = append(spans, *s) }); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				fired := 0
				r, err := New(c.Timeline(), func(_ *engine.Period, alerts []alert.Alert) { fired += len(alerts) })
				if err != nil {
					b.Fatal(err)
				}
				for i := range spans {
					r.Add(&spans[i])
				}
				if r.Close(); fired == 0 {
					b.Fatal("nothing fired")
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

// framed returns a recording of JSON lines as the file exporter writes it in protobuf.
func framed(b *testing.B, lines []byte) (content []byte) {
	b.Helper()
	for line := range bytes.Lines(lines) {
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		if err != nil {
			b.Fatal(err)
		}
		message, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
		if err != nil {
			b.Fatal(err)
		}
		content = append(binary.BigEndian.AppendUint32(content, uint32(len(message))), message...)
	}
	return content
}

// BenchmarkCommand is everything: reading, decoding, ordering, judging and writing.
func BenchmarkCommand(b *testing.B) {
	lines, n := recorded(b, 120)
	for _, tt := range []struct {
		name    string
		content []byte
	}{{"JSON", lines}, {"protobuf", framed(b, lines)}} {
		b.Run(tt.name, func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "spans")
			if err := os.WriteFile(name, tt.content, 0o600); err != nil {
				b.Fatal(err)
			}
			config := file(b, "c.yaml", "period: 3s\nobjective: {latency_target: 100ms, alert_after: 1}\n")
			b.SetBytes(int64(len(tt.content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := run(b, "", "-c", config, name); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}
