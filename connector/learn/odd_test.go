package learn

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/recording/recordingtest"
	"github.com/blurooo/go-monitor/connector/replay"
)

// Recordings of two days are one replay: nothing is missed in the night between, and it takes no time.
func TestReplayOfTwoDays(t *testing.T) {
	day := 24 * time.Hour
	var spans []recordingtest.Span
	for _, from := range []time.Duration{0, day} {
		spans = append(spans, calls("shop", "busy", from, from+2*time.Minute, 50*time.Millisecond, always(10*time.Millisecond))...)
	}
	text, c := proposed(t, DefaultSettings(), spans)
	if got := c.Services["shop"].Operations["busy"]; got.MinTraffic == 0 || got.MinTrafficRatio == 0 {
		t.Fatalf("the night between counts: %+v\n%s", got, text)
	}
	began := time.Now()
	result := replayed(t, c, recordingtest.File(t, "s", recordingtest.Lines(t, spans)...))
	if len(result.Episodes) > 0 {
		t.Errorf("%+v", result.Episodes[0])
	}
	if took := time.Since(began); result.Periods > 100 || took > 20*time.Second {
		t.Errorf("%d periods, %s", result.Periods, took)
	}
}

// One clock that is wrong must not spoil what is learned and found from all others.
func TestWrongClocks(t *testing.T) {
	year := 365 * 24 * time.Hour
	for name, wrong := range map[string]time.Duration{"a year ahead": year, "an hour ahead": time.Hour, "a century ahead": 100 * year, "centuries ahead": 240 * year, "an hour ago": -time.Hour, "1970": 3 - time.Duration(recordingtest.Noon.UnixNano())} {
		t.Run(name, func(t *testing.T) {
			healthy := recordingtest.Shop(1, 10, 0, 2*time.Minute, time.Hour, 0)
			faulty := recordingtest.Shop(2, 10, 0, 3*time.Minute, 90*time.Second, 300*time.Millisecond)
			for _, spans := range [][]recordingtest.Span{healthy, faulty} {
				for _, i := range []int{100, 2000, 2001} {
					spans[i].End = wrong + spans[i].Took
				}
			}
			file := func(spans []recordingtest.Span) []string {
				return []string{recordingtest.File(t, "s", recordingtest.Lines(t, spans)...)}
			}
			_, c := proposed(t, DefaultSettings(), healthy)
			result, stats, err := replay.Files(context.Background(), c, recording.Player{Files: file(faulty), Buffer: 1000})
			if err != nil {
				t.Fatal(err)
			}
			who, at, ok := result.FirstRootService(recordingtest.Noon)
			if after := at.Sub(recordingtest.Noon.Add(90 * time.Second)); !ok || who != "stock" || after < 0 || after > time.Minute {
				t.Errorf("%q is named, %s after the fault (%v); %d of %d late", who, after, ok, stats.Late, stats.Spans)
			}
		})
	}
}

func TestProposeRoomForManyOperations(t *testing.T) {
	var spans []recordingtest.Span
	for i := range 3000 {
		spans = append(spans, calls("shop", fmt.Sprintf("op %d", i), time.Duration(i)*time.Millisecond, 10*time.Second, 3*time.Second, always(20*time.Millisecond))...)
	}
	_, c := proposed(t, DefaultSettings(), spans)
	if c.MaxOperations != 6000 {
		t.Errorf("room for %d operations", c.MaxOperations)
	}
	if result := replayed(t, c, recordingtest.File(t, "s", recordingtest.Lines(t, spans)...)); result.Overflowed > 0 || len(result.Operations) != 3000 {
		t.Errorf("%d operations, %d calls overflowed", len(result.Operations), result.Overflowed)
	}
}

// Of a few spans little can be learned, but what is proposed can be used, and is kept by such spans.
func TestProposeFromFewSpans(t *testing.T) {
	for n := range 6 {
		spans := recordingtest.Shop(7, 1, 0, time.Minute, time.Hour, 0)[:n+1]
		text, c := proposed(t, DefaultSettings(), spans)
		if got := c.Objective.LatencyTarget; got < 2*spans[n].Took {
			t.Errorf("%d spans: a target of %s\n%s", n+1, got, text)
		}
		if result := replayed(t, c, recordingtest.File(t, "s", recordingtest.Lines(t, recordingtest.Shop(8, 1, 0, 2*time.Minute, time.Hour, 0))...)); len(result.Episodes) > 0 && n > 3 {
			t.Errorf("%d spans: %+v", n+1, result.Episodes[0])
		}
	}
}
