package keyed

import (
	"fmt"
	"testing"
	"time"
)

func TestRange(t *testing.T) {
	between := Range{Low: 100 * time.Millisecond, High: time.Minute}
	off := Range{High: 24 * time.Hour, Negative: "for none"}
	for _, tt := range []struct {
		r    Range
		d    time.Duration
		want string // "" for none
	}{
		{Range{}, 0, ""},
		{Range{}, time.Millisecond, ""},
		{Range{}, 300 * time.Hour, ""},
		{Range{}, -1, "k: must be at least 1ms, got -1ns"},
		{Range{}, 300, "k: must be at least 1ms, got 300ns; a number without a unit is nanoseconds, probably 300ms or 300s is meant"},
		{Range{Low: time.Second}, 999 * time.Millisecond, "k: must be at least 1s, got 999ms"},
		{between, 100 * time.Millisecond, ""},
		{between, time.Minute, ""},
		{between, time.Minute + 1, "k: must be between 100ms and 1m, got 1m0.000000001s"},
		{between, 30, "k: must be between 100ms and 1m, got 30ns; a number without a unit is nanoseconds, probably 30s is meant"},
		{between, 500, "k: must be between 100ms and 1m, got 500ns; a number without a unit is nanoseconds, probably 500ms is meant"},
		{between, 900_000, "k: must be between 100ms and 1m, got 900µs"},
		{Range{High: time.Hour}, 2 * time.Hour, "k: must be above 0s and at most 1h, got 2h0m0s"},
		{off, -1, ""},
		{off, 24*time.Hour + 1, "k: must be at most 24h, or negative for none, got 24h0m0.000000001s"},
		{off, 5, "k: must be at least 1ms, or negative for none, got 5ns; a number without a unit is nanoseconds, probably 5ms or 5s is meant"},
	} {
		if got := fmt.Sprint(tt.r.Check("k", tt.d)); got != tt.want && (tt.want != "" || got != "<nil>") {
			t.Errorf("%+v: %s\ngot  %s\nwant %s", tt.r, tt.d, got, tt.want)
		}
	}
}
