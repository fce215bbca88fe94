package alert

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/blurooo/go-monitor/v2/engine"
)

// reborn returns a judge that goes on from what another one remembers, by way of JSON.
func reborn(t rapid.TB, j *Judge, g Gap) *Judge {
	t.Helper()
	text, err := json.Marshal(j.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	s := new(Snapshot)
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatal(err)
	}
	next := NewJudge()
	if err := next.Restore(s, g); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return next
}

func textOf(t rapid.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anyCalls draws the calls of a period: good ones, bad ones, few, none.
func anyCalls(t *rapid.T) calls {
	c := calls{
		success:   uint64(rapid.SampledFrom([]int{0, 0, 1, 3, 20, 40}).Draw(t, "successes")),
		failure:   uint64(rapid.SampledFrom([]int{0, 0, 0, 1, 5, 30}).Draw(t, "failures")),
		cancelled: uint64(rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "cancelled")),
	}
	c.within = c.success
	if rapid.Bool().Draw(t, "slow") {
		c.within /= 2
	}
	return c
}

// TestRestoredJudgeGoesOn puts one judge through a random schedule, and another one that is replaced
// now and then by one that was given what it remembered. Both must raise the same alerts, verdicts
// and figures, and remember the same in the end.
func TestRestoredJudgeGoesOn(t *testing.T) {
	objectives := []engine.Objective{
		plain(),
		engine.DefaultObjective(),
		expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 2, MinCalls: 5, RepeatInterval: 4 * time.Minute}),
		expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1, SLO: 0.99, Confidence: 0.9}),
		expecting(engine.Objective{AlertAfter: 2, AlertFor: 3 * time.Minute, MinTrafficRatio: 0.5, SLO: 0.9}),
		expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 1, MinTraffic: 3, StuckAfter: time.Minute}),
	}
	keys := []engine.OperationKey{
		{Service: "shop", SpanKind: engine.SpanKindServer, Name: "GET /"},
		{Service: "shop", SpanKind: engine.SpanKindClient, Name: "SELECT"},
		{Service: "caf\xe9", SpanKind: engine.SpanKindServer, Name: "\xff\x00<a>"},
	}
	rapid.Check(t, func(t *rapid.T) {
		steady, restarted := NewJudge(), NewJudge()
		set := make([]engine.Objective, len(keys))
		for i := range set {
			set[i] = rapid.SampledFrom(objectives).Draw(t, "objective")
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "periods") {
			var summaries []engine.Summary
			isPartial := rapid.IntRange(0, 14).Draw(t, "partial") == 0
			for at, key := range keys {
				if rapid.IntRange(0, 30).Draw(t, "changes") == 0 {
					set[at] = rapid.SampledFrom(objectives).Draw(t, "objective")
				}
				if rapid.IntRange(0, 5).Draw(t, "absent") == 0 {
					continue
				}
				s := named(summaryOf(i, set[at], anyCalls(t)), key)
				s.Partial = isPartial
				if rapid.IntRange(0, 3).Draw(t, "stuck") == 0 {
					s.InFlight, s.Stuck, s.OldestInFlight = 1, 1, 2*time.Minute
				}
				if at == 0 && s.Failure > 0 {
					s.FailureCauses = []engine.CauseCount{{Cause: engine.Cause{Service: "shop", SpanKind: engine.SpanKindClient, Operation: "SELECT", Code: "23505"}, Count: s.Failure, Share: 1}}
				}
				summaries = append(summaries, s)
			}
			var evicted []engine.OperationKey
			if rapid.IntRange(0, 20).Draw(t, "evicts") == 0 {
				evicted = []engine.OperationKey{keys[1]}
			}
			judge := func(j *Judge) (engine.Period, []Alert) {
				p := engine.Period{Start: startOf(i), End: startOf(i + 1), Partial: isPartial, Evicted: evicted, IdlePeriods: 4}
				for k := range summaries {
					p.Summaries = append(p.Summaries, summaries[k].Clone())
				}
				return p, j.Judge(&p)
			}
			period, alerts := judge(steady)
			period2, alerts2 := judge(restarted)
			if want, got := textOf(t, alerts), textOf(t, alerts2); got != want {
				t.Fatalf("period %d: alerts of the restarted judge:\n%s\nwant\n%s", i, got, want)
			}
			if want, got := textOf(t, period), textOf(t, period2); got != want {
				t.Fatalf("period %d of the restarted judge:\n%s\nwant\n%s", i, got, want)
			}
			if !reflect.DeepEqual(steady.Needed(), restarted.Needed()) {
				t.Fatalf("period %d: needed by the restarted judge: %v, want %v", i, restarted.Needed(), steady.Needed())
			}
			if rapid.IntRange(0, 2).Draw(t, "restarts") == 0 {
				restarted = reborn(t, restarted, Gap{From: startOf(i + 1), To: startOf(i + 1)})
			}
		}
		if want, got := textOf(t, steady.Snapshot()), textOf(t, restarted.Snapshot()); got != want {
			t.Fatalf("the restarted judge remembers something else (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}

// TestSnapshotHasEveryField fails when something that a judge remembers is added and not saved.
func TestSnapshotHasEveryField(t *testing.T) {
	for _, c := range []struct {
		memory any
		saved  any
		// transient are the fields that hold nothing between two periods.
		transient []string
	}{
		{machine{}, machineSnapshot{}, []string{"total", "isUndecided"}},
		{run{}, runSnapshot{}, nil},
		{trouble{}, troubleSnapshot{}, nil},
		{reading{}, readingSnapshot{}, nil},
		{past{}, pastSnapshot{}, []string{"at"}}, // the calls are saved from the oldest on
		{burnCounts{}, burnSnapshot{}, []string{"newest"}},
		{earlyCounts{}, earlySnapshot{}, nil},
		{Judge{}, Snapshot{}, []string{"ended", "blanks"}},
	} {
		saved := make(map[string]bool)
		of := reflect.TypeOf(c.saved)
		for i := range of.NumField() {
			saved[strings.ToLower(of.Field(i).Name)] = true
		}
		for _, name := range c.transient {
			saved[strings.ToLower(name)] = true
		}
		of = reflect.TypeOf(c.memory)
		for i := range of.NumField() {
			if name := of.Field(i).Name; !saved[strings.ToLower(name)] {
				t.Errorf("%s.%s is not saved: a restart would lose it", of, name)
			}
		}
	}
}

func TestRestoreAfterAGap(t *testing.T) {
	o := expecting(engine.Objective{AlertAfter: 2, RecoverAfter: 2})
	after := func(letters string) *Judge {
		j := NewJudge()
		pour(t, j, 0, o, letters)
		return j
	}
	recent := Gap{From: startOf(2), To: startOf(3)}
	long := Gap{From: startOf(2), To: startOf(90), IsLong: true}
	other := Gap{From: startOf(2), To: startOf(3), IsOtherPeriod: true}
	tests := []struct {
		name    string
		judge   *Judge
		gap     Gap
		letters string
		want    []string
	}{
		{"a streak goes on", after("F"), recent, "F", []string{"90: availability firing since 0 by 0 90"}},
		{"a streak begins anew after a long gap", after("F"), long, "FF", []string{"91: availability firing since 90 by 90 91"}},
		{"a streak begins anew with other periods", after("F"), other, "FF", []string{"91: availability firing since 90 by 90 91"}},
		{"an alert goes on", after("FF"), recent, "FSS", []string{"92: availability resolved since 91 by 91 92"}},
		{"an alert ends after a long gap, once", after("FF"), long, "SSS", []string{"90: availability resolved since 2 by 1"}},
		{"an alert goes on with other periods", after("FF"), other, "FSS", []string{"92: availability resolved since 91 by 91 92"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := pour(t, reborn(t, test.judge, test.gap), 90, o, test.letters)
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFiringAfterARestore(t *testing.T) {
	j := NewJudge()
	var fired []Alert
	for i := range 3 {
		_, alerts := judged(j, summaryOf(i, plain(), calls{failure: 10}))
		fired = append(fired, alerts...)
	}
	for _, j := range []*Judge{j, reborn(t, j, Gap{})} {
		got := j.FiringAlerts()
		if len(got) != 1 || len(fired) != 1 || got[0].ID != fired[0].ID || !got[0].StartsAt.Equal(fired[0].StartsAt) || got[0].State != Firing || !got[0].DecidedAt.Equal(fired[0].DecidedAt) {
			t.Errorf("firing: %+v, want the alert that was raised: %+v", got, fired)
		}
	}
	if got := NewJudge().FiringAlerts(); got == nil || len(got) != 0 {
		t.Errorf("a new judge fires %v", got)
	}
}

// What comes from a file may be anything that JSON can say.
func FuzzRestore(f *testing.F) {
	j := NewJudge()
	pour(f, j, 0, expecting(engine.Objective{AlertAfter: 2, SLO: 0.99, MinTrafficRatio: 0.5, MinCalls: 5}), "FFssF")
	text, err := json.Marshal(j.Snapshot())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"periods":1,"machines":[{"operation":{"service":["/w=="],"span_kind":"server","operation":"x"},"objective_kind":"latency","phase":"pending","streak":{"units":1,"periods":[{}]}}]}`)
	f.Add(`{"pasts":[{"operation":{},"burn":{"width_ns":60000000000,"start":"2026-01-01T00:00:00Z","buckets":[[359,1,1]]}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := new(Snapshot)
		if json.Unmarshal([]byte(text), s) != nil {
			return
		}
		j := NewJudge()
		if err := j.Restore(s, Gap{}); err != nil {
			if j.Phases() != nil || len(j.Operations()) > 0 {
				t.Fatalf("after an error the judge remembers something: %v", err)
			}
			return
		}
		j.FiringAlerts()
		for i := range 8 {
			var summaries []engine.Summary
			for _, key := range j.Operations() {
				o := expecting(engine.Objective{SLO: 0.9, MinTraffic: 1, StuckAfter: time.Second, RepeatInterval: time.Second})
				if i > 1 {
					o = plain()
				}
				summaries = append(summaries, named(summaryOf(i, o, calls{success: uint64(i) * 5, failure: uint64(i%3) * 10}), key))
			}
			alerts := j.Judge(&engine.Period{Start: startOf(i), End: startOf(i + 1), IdlePeriods: 3, Summaries: summaries})
			for _, a := range alerts {
				Text(&a)
			}
		}
		j.Snapshot()
	})
}
