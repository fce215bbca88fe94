package alert

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestCallsOfAllPeriods(t *testing.T) {
	s := func(failed, slow engine.Exemplar) engine.Summary {
		return engine.Summary{FailureExemplars: []engine.Exemplar{failed}, SlowExemplars: []engine.Exemplar{slow}}
	}
	a := Alert{Evidence: []engine.Summary{
		s(exemplar(1, false, "a", 1), exemplar(2, false, "", 10)), s(exemplar(3, true, "b", 2), exemplar(4, false, "", 30)),
		s(exemplar(5, true, "a", 3), exemplar(6, true, "", 5)), s(exemplar(7, true, "a", 1), exemplar(8, false, "", 20)),
		s(exemplar(9, true, "a", 1), exemplar(10, false, "", 5)), s(exemplar(11, true, "c", 9), exemplar(12, false, "", 40)),
	}}
	first := func(k ObjectiveKind) []byte {
		a.Objective = k
		var ids []byte
		for _, c := range a.Exemplars() {
			ids = append(ids, c.Trace.TraceID[0])
		}
		return ids
	}
	if got, want := first(Latency), []byte{6, 12, 4, 8, 2}; !slices.Equal(got, want) {
		t.Errorf("slow calls = %v, want %v", got, want)
	}
	if got, want := first(Availability), []byte{11, 5, 3, 7, 9}; !slices.Equal(got, want) {
		t.Errorf("failed calls = %v, want %v", got, want)
	}
	for _, k := range []ObjectiveKind{Traffic, Stuck} {
		if got := first(k); got != nil {
			t.Errorf("calls for %s = %v, want none", k, got)
		}
	}
}

func TestWorst(t *testing.T) {
	const ms = time.Millisecond
	type period = []engine.Exemplar
	for _, tt := range []struct {
		name    string
		periods []period
		want    engine.Exemplar
	}{
		{"none", []period{{}, {}}, engine.Exemplar{}},
		{"one that was not sampled is better than none", []period{{exemplar(1, false, "", ms)}}, exemplar(1, false, "", ms)},
		{"the longest", []period{{exemplar(1, true, "", ms), exemplar(2, true, "", 3*ms)}, {exemplar(3, true, "", 2*ms)}}, exemplar(2, true, "", 3*ms)},
		{"the longest of a later period", []period{{exemplar(1, true, "", ms)}, {exemplar(2, true, "", 2*ms)}}, exemplar(2, true, "", 2*ms)},
		{"a sampled one, though shorter", []period{{exemplar(1, false, "", 9*ms)}, {exemplar(2, true, "", ms)}, {exemplar(3, false, "", 9*ms)}}, exemplar(2, true, "", ms)},
		{"the longest of those not sampled", []period{{exemplar(1, false, "", ms), exemplar(2, false, "", 2*ms)}}, exemplar(2, false, "", 2*ms)},
		{"the first of equals", []period{{exemplar(1, true, "", ms), exemplar(2, true, "", ms)}}, exemplar(1, true, "", ms)},
		{"never one without a trace", []period{{exemplar(1, false, "", ms), {Duration: 9 * ms}}}, exemplar(1, false, "", ms)},
		{"even if there is no other", []period{{{Duration: 9 * ms}}}, engine.Exemplar{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, k := range shareKinds {
				var evidence []engine.Summary
				for _, p := range tt.periods {
					s := engine.Summary{FailureExemplars: p, SlowExemplars: period{exemplar(99, true, "", time.Hour)}}
					if k == Latency {
						s.FailureExemplars, s.SlowExemplars = s.SlowExemplars, s.FailureExemplars
					}
					evidence = append(evidence, s)
				}
				if diff := cmp.Diff(tt.want, worstExemplar(k, evidence)); diff != "" {
					t.Errorf("worst call for %s (-want +got):\n%s", k, diff)
				}
			}
		})
	}
}
