package main

import "testing"

func measured(who string, values ...float64) *probe {
	p := &probe{who: who, work: "work", key: "Work", unit: "ns/op"}
	for _, v := range values {
		p.samples = append(p.samples, sample{n: 1000, value: v})
	}
	return p
}

func allocating(allocs ...float64) *probe {
	p := &probe{unit: "ns/op"}
	for _, a := range allocs {
		p.samples = append(p.samples, sample{n: 1, value: 1, hasMemory: true, allocs: a, bytes: 8 * a})
	}
	return p
}

func TestTargets(t *testing.T) {
	our := measured(ours, 12, 10, 11)
	tests := map[string]struct {
		target target
		probe  *probe
		want   verdict
		far    bool
		text   string
	}{
		"at most, met by the minimum": {atMost(10), our, met, false, "<= 10 ns ok"},
		"at most, missed":             {atMost(9.5), our, missed, false, "<= 9.50 ns MISSED"},
		"at most, missed by far":      {atMost(1), our, missed, false, "<= 1 ns MISSED"},
		"not measured":                {atMost(1), measured("x"), leftOut, false, "<= 1 ns left out"},

		"times ours, met":          {timesOurs(7, our), measured("old", 70, 500), met, false, ">= 7x (7.00) ok"},
		"times ours, missed":       {timesOurs(7, our), measured("old", 69), missed, false, ">= 7x (6.90) MISSED"},
		"times ours, half":         {timesOurs(7, our), measured("old", 35), missed, false, ">= 7x (3.50) MISSED"},
		"times ours, far off":      {timesOurs(7, our), measured("old", 34.9), missed, true, ">= 7x (3.49) MISSED"},
		"nothing to compare with":  {timesOurs(7, nil), measured("old", 35), leftOut, false, ">= 7x left out"},
		"compared with unmeasured": {timesOurs(7, measured(ours)), measured("old", 35), leftOut, false, ">= 7x left out"},

		"ratio at most, met":    {target{kind: ratio, limit: 1, against: measured("one", 10), name: "one producer"}, our, met, false, "<= 1x one producer (1.00) ok"},
		"ratio at most, missed": {target{kind: ratio, limit: 1.5, against: measured("one", 6)}, our, missed, false, "<= 1.5x (1.67) MISSED"},
		"ratio at most, far":    {target{kind: ratio, limit: 1.5, against: measured("one", 3)}, our, missed, true, "<= 1.5x (3.33) MISSED"},
		"beside the other":      {target{kind: ratio, limit: 1.5, against: our, ofOurs: true}, measured("reading", 8), met, false, "go-monitor <= 1.5x (1.25) ok"},
		"beside the other, far": {target{kind: ratio, limit: 1.5, against: our, ofOurs: true}, measured("reading", 3), missed, true, "go-monitor <= 1.5x (3.33) MISSED"},

		"shared machine": {target{kind: ratio, limit: 1, against: measured("one", 1), shared: true}, our, missed, false, "<= 1x (10.00) MISSED"},

		"difference, met":    {target{kind: difference, limit: 2, against: measured("none", 8), name: "none"}, our, met, false, "<= 2 ns more than none (2) ok"},
		"difference, less":   {target{kind: difference, limit: 2, against: measured("none", 80), name: "none"}, our, met, false, "<= 2 ns more than none (0) ok"},
		"difference, missed": {target{kind: difference, limit: 2, against: measured("none", 1), name: "none"}, our, missed, false, "<= 2 ns more than none (9) MISSED"},
		"difference to none": {target{kind: difference, limit: 2, name: "none"}, our, leftOut, false, "<= 2 ns more than none left out"},

		"no allocations":          {noAllocations(), allocating(0), met, false, "0 allocs ok"},
		"a flush now and then":    {noAllocations(), allocating(0.004), met, false, "0 allocs ok"},
		"a round was disturbed":   {noAllocations(), allocating(0.5, 0.001), met, false, "0 allocs ok"},
		"one allocation":          {noAllocations(), allocating(1), missed, true, "0 allocs MISSED"},
		"allocations unmeasured":  {noAllocations(), our, leftOut, false, "0 allocs left out"},
		"allocations of no round": {noAllocations(), &probe{}, leftOut, false, "0 allocs left out"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.target.verdict(tt.probe); got != tt.want {
				t.Errorf("verdict is %d, want %d", got, tt.want)
			}
			if got := tt.target.isFarOff(tt.probe); got != tt.far {
				t.Errorf("far off is %t, want %t", got, tt.far)
			}
			if got := tt.target.text(tt.probe); got != tt.text {
				t.Errorf("text is %q, want %q", got, tt.text)
			}
		})
	}
}
