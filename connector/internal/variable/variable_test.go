package variable

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
)

func TestRetrieve(t *testing.T) {
	t.Setenv("SET", "5")
	t.Setenv("EMPTY", "")
	p := NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()})
	for uri, want := range map[string]any{"env:SET": 5, "env:SET:-6": 5, "env:UNSET_HERE:-7": 7, "env:UNSET_HERE:-": "", "env:EMPTY": nil} {
		r, err := p.Retrieve(context.Background(), uri, nil)
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if got, err := r.AsRaw(); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", uri, got, err, want)
		}
	}
	_, err := p.Retrieve(context.Background(), "env:UNSET_HERE", nil)
	if err == nil || !strings.Contains(err.Error(), "the environment variable UNSET_HERE is not set") {
		t.Errorf("%v", err)
	}
}
