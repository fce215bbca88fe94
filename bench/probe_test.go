package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMinimumAndMedian(t *testing.T) {
	for _, tt := range []struct {
		values      []float64
		least, half float64
	}{
		{[]float64{3}, 3, 3},
		{[]float64{3, 1}, 1, 2},
		{[]float64{9, 1, 2}, 1, 2},
		{[]float64{4, 100, 2, 3}, 2, 3.5},
	} {
		p := measured("x", tt.values...)
		if p.minimum() != tt.least || p.median() != tt.half {
			t.Errorf("%v: minimum %v, median %v, want %v, %v", tt.values, p.minimum(), p.median(), tt.least, tt.half)
		}
	}
}

// Rounds are interleaved: what disturbs one probe for a while disturbs them all.
func TestRoundsTakeTurns(t *testing.T) {
	var turns strings.Builder
	turn := func(who string, rounds int) *probe {
		return &probe{who: who, fixed: 1, rounds: rounds, measure: func(int) (sample, error) {
			turns.WriteString(who)
			return sample{}, nil
		}}
	}
	closed := 0
	maker := groupMaker{"title", func(settings) (*group, error) {
		return &group{rounds: 2, probes: []*probe{turn("a", 0), turn("b", 1), turn("c", 3)}, close: func() { closed++ }}, nil
	}}
	g, err := maker.measure(settings{rounds: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := turns.String(), "abcacaca"; got != want {
		t.Errorf("the turns were %s, want %s", got, want)
	}
	if g.title != "title" || closed != 1 || len(g.probes[0].samples) != 4 || len(g.probes[1].samples) != 1 {
		t.Errorf("title %q, closed %d times, %d and %d samples", g.title, closed, len(g.probes[0].samples), len(g.probes[1].samples))
	}
}

func TestMeasureFails(t *testing.T) {
	bad := errors.New("bad")
	for name, maker := range map[string]groupMaker{
		"making": {"title", func(settings) (*group, error) { return nil, bad }},
		"sizing": {"title", func(settings) (*group, error) {
			return &group{probes: []*probe{{measure: func(int) (sample, error) { return sample{}, bad }}}}, nil
		}},
		"measuring": {"title", func(settings) (*group, error) {
			return &group{probes: []*probe{{fixed: 1, measure: func(int) (sample, error) { return sample{}, bad }}}}, nil
		}},
	} {
		if _, err := maker.measure(tiny); !errors.Is(err, bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSize(t *testing.T) {
	s := settings{trial: 1 << 14, round: 60 * time.Millisecond}
	for name, tt := range map[string]struct {
		probe probe
		want  int
	}{
		"fixed":             {probe{fixed: 7}, 7},
		"a round's worth":   {probe{measure: constant(sample{value: 100, took: 2 * time.Millisecond})}, 36 << 14},
		"slow":              {probe{measure: constant(sample{value: 1e6})}, 1 << 14},
		"slow in between":   {probe{measure: constant(sample{value: 100, took: 18 * time.Millisecond})}, 10 << 14},
		"took no time":      {probe{measure: constant(sample{took: time.Millisecond})}, 180 << 14},
		"very slow between": {probe{measure: constant(sample{value: 100, took: time.Second})}, 1 << 14},
	} {
		if got, err := tt.probe.size(s); got != tt.want || err != nil {
			t.Errorf("%s: %d (%v), want %d", name, got, err, tt.want)
		}
	}
}

func constant(s sample) func(int) (sample, error) {
	return func(int) (sample, error) { return s, nil }
}
