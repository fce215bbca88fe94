package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSteadyClock(t *testing.T) {
	tests := []struct {
		name    string
		elapsed time.Duration
		wall    time.Duration // since own
		want    time.Duration // since own
	}{
		{"as the wall clock", time.Second, time.Second, time.Second},
		{"leaps with it", time.Second, time.Hour, time.Hour},
		{"does not go back with it", time.Second, -time.Hour, 900 * ms},
		{"stands for no time", 0, -time.Hour, 0},
		{"catches up", 10 * time.Second, 9500 * ms, 9500 * ms},
		{"nearly catches up", 10 * time.Second, 8 * time.Second, 9 * time.Second},
	}
	for _, tt := range tests {
		if got := steady(noon, tt.elapsed, noon.Add(tt.wall)).Sub(noon); got != tt.want {
			t.Errorf("%s: after %s it shows %s more, want %s", tt.name, tt.elapsed, got, tt.want)
		}
	}
}

func TestSteadyClockNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c MonotonicClock
		for range 3 {
			if got := c.Now(); !got.Equal(time.Now()) {
				t.Errorf("it shows %s, want %s", got, time.Now())
			}
			time.Sleep(time.Second)
		}
		// As if the wall clock had been set back by a minute.
		c.own = c.own.Add(time.Minute)
		before := c.Now()
		time.Sleep(10 * time.Second)
		if got := c.Now().Sub(before); got != 9*time.Second {
			t.Errorf("after 10s it shows %s more, want 9s", got)
		}
		time.Sleep(time.Hour)
		if got := c.Now(); !got.Equal(time.Now()) {
			t.Errorf("it shows %s, want %s", got, time.Now())
		}
	})
}
