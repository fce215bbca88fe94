package strict

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
)

type config struct {
	Names   []string                  `mapstructure:"names"`
	Timeout time.Duration             `mapstructure:"timeout,omitempty"`
	Retry   configretry.BackOffConfig `mapstructure:"retry"`
}

func TestUnmarshal(t *testing.T) {
	c := config{Timeout: time.Second, Retry: configretry.NewDefaultBackOffConfig()}
	conf := confmap.NewFromStringMap(map[string]any{"names": []any{"a"}, "retry": map[string]any{"max_interval": "5s"}})
	if err := Unmarshal(conf, &c); err != nil {
		t.Fatal(err)
	}
	if c.Timeout != time.Second || len(c.Names) != 1 || c.Retry.MaxInterval != 5*time.Second || !c.Retry.Enabled {
		t.Errorf("%+v", c)
	}
	for want, values := range map[string]map[string]any{
		"timeot: no such key, probably timeout is meant":         {"timeot": "1s"},
		"timeout: 30 has no unit, probably 30ms or 30s is meant": {"timeout": 30},
		"names: want a list, got keys below it":                  {"names": map[string]any{}},
	} {
		if err := Unmarshal(confmap.NewFromStringMap(values), &c); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", values, err, want)
		}
	}
}
