package learn

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	gomonitorconnector "github.com/blurooo/go-monitor/connector"
	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/connector/replay"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

type fault struct {
	File, Healthy string
	InjectUnix    int64 `json:"inject_unix"`
	Service       string
	Fault         string
	ShowsInSpans  bool `json:"shows_in_spans"`
}

func TestExplore(t *testing.T) {
	dir := os.Getenv("TRACES")
	var faults []fault
	raw, err := os.ReadFile(filepath.Join(dir, "faults.json"))
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(raw, &faults); err != nil {
		t.Fatal(err)
	}
	s := DefaultSettings()
	configs := map[string]*gomonitorconnector.Config{}
	for _, f := range faults {
		c := configs[f.Healthy]
		if c == nil {
			c = learned(t, s, filepath.Join(dir, f.Healthy))
			configs[f.Healthy] = c
		}
		alerts := alertsOf(t, c, filepath.Join(dir, f.File))
		fmt.Println("==", f.File, f.Service, f.Fault, f.ShowsInSpans)
		for _, a := range alerts {
			at := a.At.Sub(time.Unix(f.InjectUnix, 0))
			if a.State != alert.Firing || at > 70*time.Second {
				continue
			}
			fmt.Printf("   %4.0fs %s %s %s %v | %s by %s\n", at.Seconds(), a.Service, a.SpanKind, a.Operation, a.Objective, a.Blame(), a.CausedBy)
			for _, c := range a.Causes {
				fmt.Printf("          %s %s %s %s %d\n", c.Service, c.Kind, c.Operation, c.Code, c.Count)
			}
		}
	}
}

func learned(t testing.TB, s Settings, files ...string) *gomonitorconnector.Config {
	t.Helper()
	p, stats, err := s.learn(context.Background(), new(gomonitorconnector.Config), recording.Player{Files: files, Grace: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.write(stats)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "learned.yaml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := replay.LoadConfig(context.Background(), []string{name})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func alertsOf(t testing.TB, c *gomonitorconnector.Config, files ...string) []alert.Alert {
	t.Helper()
	reader, err := gomonitorconnector.NewSpanReader(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []alert.Alert
	r, err := replay.New(c.Timeline(), func(_ *engine.Period, alerts []alert.Alert) { all = append(all, alerts...) })
	if err != nil {
		t.Fatal(err)
	}
	player := recording.Player{Files: files, Grace: 10 * time.Second, Read: reader.Read}
	stats, err := player.Play(context.Background(), r.Add)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if stats.Late > 0 {
		t.Logf("%v: %d late", files, stats.Late)
	}
	return all
}
