package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
)

func TestProgress(t *testing.T) {
	var b strings.Builder
	p := progress{to: &b}
	at := func(seconds float64) time.Time {
		return recordingtest.Noon.Add(time.Duration(seconds * float64(time.Second)))
	}
	s := recording.Stats{Bytes: 2_000_000, Size: 8_000_000, Spans: 12_345}
	p.show(s, at(0))
	p.show(s, at(1.9))
	if b.Len() > 0 {
		t.Errorf("too early: %q", b.String())
	}
	p.show(s, at(2))
	p.show(s, at(2.1))
	s.Bytes, s.Size = 3_000_000, 0
	p.show(s, at(2.6))
	p.clear()
	const want = "\r25 % of 8.0 MB, 12,345 spans\r3.0 MB, 12,345 spans       \r                    \r"
	if got := b.String(); !strings.HasPrefix(got, want[:50]) || !strings.HasSuffix(got, " \r") || strings.Count(got, "\r") != 4 {
		t.Errorf("got %q", got)
	}
	quiet := newProgress(&b)
	n := b.Len()
	quiet.show(s, at(0))
	quiet.show(s, at(9))
	quiet.clear()
	if b.Len() != n {
		t.Error("no terminal was told")
	}
}
