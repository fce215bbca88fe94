package delivery

import (
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	if got, want := (Config{}).withDefaults(), (Config{64, 30 * time.Second, 16, time.Second, time.Minute}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []Config{{}, {1, time.Millisecond, 1, time.Millisecond, time.Millisecond}, {10_000, 10 * time.Minute, 1000, time.Hour, 24 * time.Hour}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	want := "queue_size: must be between 1 and 10000, got -1\n" +
		"timeout: must be above 0s and at most 10m, got 11m0s\n" +
		"max_attempts: must be between 1 and 1000, got 1001\n" +
		"initial_interval: must be above 0s and at most 1h, got -1ns\n" +
		"max_interval: must be above 0s and at most 24h, got 25h0m0s"
	if err := (Config{-1, 11 * time.Minute, 1001, -1, 25 * time.Hour}).Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v, want\n%s", err, want)
	}
	want = "timeout: must be at least 1ms, got 30ns; a number without a unit is nanoseconds, probably 30ms or 30s is meant"
	if err := (Config{Timeout: 30}).Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	want = "max_interval: must be at least initial_interval, 2m, got 1m30s"
	if err := (Config{InitialInterval: 2 * time.Minute, MaxInterval: 90 * time.Second}).Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
