package engine

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// hostileSpans makes spans of bytes: few traces and few ids, so that there are circles, spans
// that are their own parents, and ids that come twice; times and weights that can't be.
func hostileSpans(data []byte, now time.Time) (spans []Span) {
	const size = 8
	names := []string{"", "a", "b", "GET /", "\xff\x00", OverflowName}
	ends := []int64{0, now.UnixNano(), now.UnixNano() - int64(time.Second), now.UnixNano() + int64(time.Hour), math.MaxInt64, math.MinInt64, -1, now.UnixNano() - int64(time.Hour)}
	durations := []time.Duration{0, -1, time.Millisecond, time.Second, time.Hour, math.MaxInt64, math.MinInt64, 10 * time.Second}
	weights := []uint64{0, 1, 2, 1 << 14, 1 << 32, math.MaxUint64, 3, 1000}
	for ; len(data) >= size; data = data[size:] {
		b := data[:size]
		s := Span{
			Service: names[int(b[0])%len(names)], Operation: names[int(b[1])%len(names)], Code: names[int(b[1]>>4)%len(names)],
			SpanKind: SpanKind(b[2] % 8), Outcome: Outcome(b[2] >> 3 % 6), Sampled: b[2]&0x40 != 0, Unwatched: b[2] > 0xe0,
			End: ends[b[3]%8] + int64(b[3]>>3)*int64(100*time.Millisecond), Duration: durations[b[4]%8], Weight: weights[b[4]>>3%8],
		}
		s.Link.Trace[0], s.Link.RemoteParent = b[5]%4, b[5]&0x80 != 0
		binary.BigEndian.PutUint64(s.Link.Span[:], uint64(b[6]%16))
		binary.BigEndian.PutUint64(s.Link.Parent[:], uint64(b[7]%16))
		spans = append(spans, s)
	}
	return spans
}

// However the spans of a trace refer to each other, each is counted once, and what explains what
// adds up.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 3, 1, 1, 1, 1, 2, 0x13, 1, 3, 1, 2, 2, 1, 2, 0x13, 1, 3, 1, 2, 1}, false)
	f.Add([]byte{1, 0x13, 0x12, 1, 2, 0x81, 1, 2, 2, 0x13, 0x13, 1, 2, 1, 2, 3, 1, 0x13, 0x13, 1, 2, 1, 3, 1, 1, 0x13, 0x12, 1, 2, 1, 1, 3}, true)
	f.Add([]byte{0, 0, 0xff, 4, 5, 0, 0, 0, 5, 0xff, 0x3f, 5, 0x2e, 0, 1, 1}, true)
	f.Fuzz(func(t *testing.T, data []byte, withPeerServices bool) {
		now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		spans := hostileSpans(data, now)
		c := TimelineConfig{Config: Config{Period: time.Second, MaxOperations: 4}, Grace: 3 * time.Second, RecentSpans: 16, PeerServices: withPeerServices}
		l, err := NewTimeline(c, now.Add(-5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		var want, got uint64
		check := func(p *Period) {
			var counted uint64
			for i := range p.Summaries {
				s := &p.Summaries[i]
				counted += s.Count + s.Ignored + s.Late
				if s.Success+s.Failure+s.Cancelled != s.Count {
					t.Errorf("%+v", s)
				}
				for _, causes := range [][]CauseCount{s.FailureCauses, s.SlowCauses} {
					for _, c := range causes {
						if !(c.Share >= 0 && c.Share <= 1) {
							t.Errorf("a share of %v: %+v", c.Share, c)
						}
					}
				}
			}
			if p.Received != counted+p.Dropped {
				t.Errorf("received %d, counted %d", p.Received, counted)
			}
			got += counted
		}
		for i := range spans {
			s := spans[i]
			l.Add(&s)
			if !s.Unwatched {
				want += min(max(s.Weight, 1), maxWeight)
			}
			if i%5 == 4 {
				now = now.Add(700 * time.Millisecond)
				l.Advance(now, nil, check)
			}
		}
		l.Close(nil, check)
		if got != want {
			t.Errorf("%d calls are counted, want %d", got, want)
		}
	})
}
