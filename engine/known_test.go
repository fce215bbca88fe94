package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestRestoredWindowsGoOn closes the same periods with windows that live on, and with windows that are
// replaced now and then by new ones that were told what is known. Both must bring the same summaries,
// silences included.
func TestRestoredWindowsGoOn(t *testing.T) {
	config := Config{Service: "shop", IdlePeriods: 4, Operations: map[string]Objective{
		"traffic": {MinTraffic: 5}, "slo": {SLO: 0.99}, "drop": {MinTrafficRatio: 0.5},
	}}
	names := []string{"traffic", "slo", "drop"}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		steady, restarted := newWindows(t, config), newWindows(t, config)
		keep := func(key OperationKey) bool { return key.Name == "slo" }
		for i := range rapid.IntRange(1, 40).Draw(t, "periods") {
			for _, name := range names {
				for range rapid.SampledFrom([]int{0, 0, 0, 1, 7}).Draw(t, "calls") {
					r := Report{Operation: name, SpanKind: SpanKindServer, Duration: ms}
					steady.Add(r)
					restarted.Add(r)
				}
			}
			p := Period{Start: start.Add(time.Duration(i) * time.Minute), End: start.Add(time.Duration(i+1) * time.Minute)}
			want, got := steady.Close(p, keep), restarted.Close(p, keep)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("period %d of the restarted windows (-want +got):\n%s", i, diff)
			}
			if rapid.IntRange(0, 2).Draw(t, "restarts") == 0 {
				restarted = newWindows(t, config)
				restarted.Restore(&Restored{Known: got.Known})
			}
		}
	})
}

func TestRestoreGivesPlaces(t *testing.T) {
	w := newWindows(t, Config{MaxOperations: 2, IdlePeriods: 3})
	key := func(name string) OperationKey { return OperationKey{SpanKind: SpanKindServer, Name: name} }
	w.Restore(&Restored{Remembered: []OperationKey{key("a"), key("b"), key("c")}})
	for i := 1; ; i++ {
		p := w.Close(Period{}, nil)
		if len(p.Summaries) > 0 || len(p.Known) > 0 {
			t.Fatalf("operations that nobody called have summaries: %+v", p)
		}
		if len(p.Evicted) > 0 {
			if i != 3 || !slices.Equal(p.Evicted, []OperationKey{key("a"), key("b")}) {
				t.Errorf("period %d evicts %v, want a and b in period 3", i, p.Evicted)
			}
			return
		}
	}
}

func TestEngineRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent []string
		pay := OperationKey{SpanKind: SpanKindServer, Name: "pay"}
		e, err := New(Config{Period: time.Minute, IdlePeriods: 1, Operations: map[string]Objective{"pay": {MinTraffic: 1}}}, Hooks{
			Closed: func(p *Period) map[OperationKey]bool {
				for _, s := range p.Summaries {
					silent = append(silent, fmt.Sprintf("%s %d of %t", s.Operation, s.Count, p.Partial))
				}
				return nil
			},
			Restored: &Restored{Known: []KnownOperation{{OperationKey: pay, Idle: 7}}, Needed: map[OperationKey]bool{pay: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Minute + time.Second)
		if err := e.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"pay 0 of false", "pay 0 of false"}; !slices.Equal(silent, want) {
			t.Errorf("summaries: %q, want %q: the silence counts from the first period on, and the place is kept until it has closed", silent, want)
		}
	})
}
