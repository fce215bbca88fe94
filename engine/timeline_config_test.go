package engine

import (
	"fmt"
	"testing"
	"time"
)

func TestTimelineConfig(t *testing.T) {
	tests := []struct {
		c    TimelineConfig
		want string
	}{
		{TimelineConfig{}, ""},
		{TimelineConfig{Grace: -time.Second}, "grace: must be above 0s and at most 1h, got -1s"},
		{TimelineConfig{Grace: 2 * time.Hour}, "grace: must be above 0s and at most 1h, got 2h0m0s"},
		{TimelineConfig{Config: Config{Period: 10 * ms}}, "grace: must be less than 1000 periods of 10ms, got 10s"},
		{TimelineConfig{RecentSpans: -1}, "recent_spans: must be between 1 and 16777216, got -1"},
		{TimelineConfig{Config: Config{Period: -1}, RecentSpans: 1 << 30}, "period: must be between 10ms and 1h, got -1ns\nrecent_spans: must be between 1 and 16777216, got 1073741824"},
	}
	for _, tt := range tests {
		err := tt.c.Validate()
		if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
			t.Errorf("%+v: %q, want %q", tt.c, got, tt.want)
		}
		if _, err := NewTimeline(tt.c, noon); (err != nil) != (tt.want != "") {
			t.Errorf("NewTimeline: %v", err)
		}
	}
	line := newTape(t, TimelineConfig{}, noon)
	if got := line.Config(); got.Grace != 10*time.Second || got.RecentSpans != 131072 || got.Period != time.Minute {
		t.Errorf("defaults are %+v", got)
	}
}
