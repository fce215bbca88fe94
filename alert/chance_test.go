package alert

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

func TestAtLeast(t *testing.T) {
	tests := []struct {
		some, tries uint64
		p, want     float64
	}{
		{0, 10, 0.1, 1},
		{1, 1, 0.25, 0.25},
		{1, 2, 0.5, 0.75},
		{2, 3, 0.5, 0.5},
		{10, 10, 0.5, 1.0 / 1024},
		{2, 5, 0.01, 0.00098015},
		{1, 10, 0, 0},
		{3, 10, 1, 1},
		{2000, 4000, 0.5, 0.5063},
		{200_000, 1_000_000, 0.01, 0},
	}
	for _, tt := range tests {
		if got := atLeast(tt.some, tt.tries, tt.p); math.Abs(got-tt.want) > 1e-4*tt.want+1e-12 && math.Abs(got-tt.want) > 1e-3 {
			t.Errorf("%d of %d at %v: %v, want %v", tt.some, tt.tries, tt.p, got, tt.want)
		}
	}
}

// Where a fault hits some of the calls, and there are few in a period, some periods have none of them.
// They end a streak only if that may be chance.
func TestMachineOutlastsGoodPeriods(t *testing.T) {
	long := engine.Objective{SuccessRatio: 0.99, AlertAfter: 3, AlertFor: 8 * time.Minute, MinCalls: 1}
	short := long
	short.AlertFor = 0
	lenient := long
	lenient.SuccessRatio = 0.5
	tests := []struct {
		name  string
		o     engine.Objective
		calls string // a number of failures among four calls for each period
		want  string
	}{
		{"a fifth fails", long, "1111011011", "........F."},
		{"seldom, but for sure", long, "2110001101", ".......F.."},
		{"it fires at a bad period only", long, "1111100000001", "............F"},
		{"one failure is none", long, "1000000100000010", strings.Repeat(".", 16)},
		{"it ends when it may be chance", long, "1100000000000000000000000000000000000000001", strings.Repeat(".", 43)},
		{"too few bad periods", long, "2000000002", ".........."},
		{"their number alone decides", short, "110101", "......"},
		{"half may fail", lenient, "3333033330333303333", strings.Repeat(".", 19)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{kind: Availability}
			for _, failed := range tt.calls {
				n := uint64(failed - '0')
				s := summaryOf(b.periods, expecting(tt.o), calls{success: 4 - n, within: 4 - n, failure: n})
				b.periods++
				a, raised := b.machine.advance(b.kind, b.machine.judge(b.kind, &s), &s, s.Objective.AlertAfter)
				if !raised {
					b.marks.WriteByte('.')
					continue
				}
				b.marks.WriteByte("?FR"[a.State])
				if a.State == Firing && (len(a.Evidence) != b.periods || a.Actual >= a.Target || a.Causes != nil) {
					t.Errorf("%d periods of evidence, %v of %v", len(a.Evidence), a.Actual, a.Target)
				}
			}
			if got := b.marks.String(); got != tt.want {
				t.Errorf("failures %s\nmarks    %s\nwant     %s", tt.calls, got, tt.want)
			}
		})
	}
}
