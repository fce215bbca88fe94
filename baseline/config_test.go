package baseline

import (
	"strings"
	"testing"
	"time"
)

func TestConfigIsValid(t *testing.T) {
	for _, c := range []Config{{}, DefaultConfig(), {Factor: -1}, {Floor: -1, FailureFloor: -1, Hold: -1, WarmUp: -1, AcceptAfter: -1}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{Factor: 0.5}, "factor: must be above 1 and at most 100, or negative for off, got 0.5"},
		{Config{Factor: 101}, "factor: must be above 1"},
		{Config{Floor: 2 * time.Hour}, "floor: must be at most 1h, or negative for none, got 2h0m0s"},
		{Config{FailureFloor: 4}, "failure_floor: must be below 1, a share and no percentage, got 4"},
		{Config{Hold: 61 * time.Minute}, "hold: must be at most 1h, or negative for none, got 1h1m0s"},
		{Config{WarmUp: 25 * time.Hour}, "warm_up: must be at most 24h, or negative for none, got 25h0m0s"},
		{Config{AcceptAfter: time.Second}, "accept_after: must be at least 1m, or negative for never, got 1s"},
		{Config{HalfLife: time.Second}, "half_life: must be between 1m and 720h, got 1s"},
		{Config{HalfLife: -1}, "half_life: "},
		{Config{MaxParts: -1}, "max_parts: must be between 1 and 10000000, got -1"},
	} {
		if err := test.config.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.config, err, test.want)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	if got := (Config{}).withDefaults(); got != DefaultConfig() {
		t.Errorf("got %+v, want %+v", got, DefaultConfig())
	}
}
