package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Distribution says into which intervals the latencies of the successful calls
// are counted: either equal ones, by Lowest, Highest and Intervals, or the user's
// own, by Bounds. An interval holds its lower bound and not its upper one.
type Distribution struct {
	// Lowest is where the first interval ends: it holds the calls below. Default 100ms.
	Lowest time.Duration `mapstructure:"lowest"`
	// Highest is where the last interval begins: it holds the calls at or above. Default 500ms.
	Highest time.Duration `mapstructure:"highest"`
	// Intervals is the number of intervals, the first and the last included, 3 to
	// 64: what lies between Lowest and Highest is cut into Intervals-2 equal parts.
	// Default 10.
	Intervals int `mapstructure:"intervals"`
	// Bounds lists the bounds between the intervals, ascending, 1 to 63 of them. It
	// takes the place of the three fields above.
	Bounds []time.Duration `mapstructure:"bounds"`
}

// Bucket is one interval of a latency distribution: Low <= latency < High. In
// JSON the bounds are nanoseconds.
type Bucket struct {
	Low time.Duration `json:"low_ns"`
	// High is 0 for the last interval, which has no upper bound.
	High  time.Duration `json:"high_ns"`
	Count uint64        `json:"count"`
}

const maxIntervals = 64

// leastHighest is where a distribution must end at least: no call takes less than 1µs.
var leastHighest = keyed.Range{Low: time.Microsecond}

// DefaultDistribution returns the distribution of a zero [Config]: below 100ms,
// eight intervals of 50ms, 500ms and above.
func DefaultDistribution() Distribution {
	return Distribution{Lowest: 100 * time.Millisecond, Highest: 500 * time.Millisecond, Intervals: 10}
}

// isZero reports whether d says nothing at all.
func (d Distribution) isZero() bool {
	return d.Lowest == 0 && d.Highest == 0 && d.Intervals == 0 && d.Bounds == nil
}

// inherit returns d with its zero fields taken from parent.
func (d Distribution) inherit(parent Distribution) Distribution {
	if d.isZero() {
		return parent
	}
	if d.Bounds != nil {
		return d
	}
	if parent.Bounds != nil {
		parent = DefaultDistribution()
	}
	inherit(&d.Lowest, parent.Lowest)
	inherit(&d.Highest, parent.Highest)
	inherit(&d.Intervals, parent.Intervals)
	return d
}

// Validate returns the errors of a distribution whose zero fields mean their
// defaults, joined; each names the key and quotes the value.
func (d Distribution) Validate() error {
	if d.Bounds != nil {
		return d.validateBounds()
	}
	d = d.inherit(DefaultDistribution())
	var errs []error
	if d.Lowest < 0 {
		errs = append(errs, fmt.Errorf("lowest: must be above 0s, got %s", d.Lowest))
	}
	if d.Intervals < 3 || d.Intervals > maxIntervals {
		errs = append(errs, fmt.Errorf("intervals: must be between 3 and %d, got %d", maxIntervals, d.Intervals))
	} else if d.Highest <= d.Lowest || d.Highest-max(d.Lowest, 0) < time.Duration(d.Intervals-2) {
		errs = append(errs, fmt.Errorf("highest: must lie at least %dns above lowest (%s), got %s", d.Intervals-2, d.Lowest, d.Highest))
	} else {
		errs = append(errs, leastHighest.Check("highest", d.Highest))
	}
	return errors.Join(errs...)
}

func (d Distribution) validateBounds() error {
	if d.Lowest != 0 || d.Highest != 0 || d.Intervals != 0 {
		return fmt.Errorf("bounds: takes the place of lowest (%s), highest (%s) and intervals (%d), so leave those out", d.Lowest, d.Highest, d.Intervals)
	}
	if len(d.Bounds) == 0 || len(d.Bounds) >= maxIntervals {
		return fmt.Errorf("bounds: must list between 1 and %d bounds, got %d", maxIntervals-1, len(d.Bounds))
	}
	for i, b := range d.Bounds {
		if b <= 0 {
			return fmt.Errorf("bounds[%d]: must be above 0s, got %s", i, b)
		}
		if i > 0 && b <= d.Bounds[i-1] {
			return fmt.Errorf("bounds[%d]: must be above the bound before it (%s), got %s", i, d.Bounds[i-1], b)
		}
	}
	last := len(d.Bounds) - 1
	return leastHighest.Check(fmt.Sprintf("bounds[%d]", last), d.Bounds[last])
}

// bounds returns the bounds between the intervals. Each is computed from the
// ends, not by adding up a width, so that the last one is Highest itself.
func (d Distribution) bounds() []time.Duration {
	if d.Bounds != nil {
		return slices.Clone(d.Bounds)
	}
	n := d.Intervals - 2
	bounds := make([]time.Duration, n+1)
	width, rest := (d.Highest-d.Lowest)/time.Duration(n), (d.Highest-d.Lowest)%time.Duration(n)
	for i := range bounds {
		// width*i + rest*i/n is (Highest-Lowest)*i/n without its overflow.
		bounds[i] = d.Lowest + width*time.Duration(i) + rest*time.Duration(i)/time.Duration(n)
	}
	return bounds
}

// interval returns the index of the interval that holds d.
func interval(bounds []time.Duration, d time.Duration) int {
	i := 0
	for i < len(bounds) && d >= bounds[i] {
		i++
	}
	return i
}

// buckets pairs counts with the intervals they belong to.
func buckets(bounds []time.Duration, counts []uint64) []Bucket {
	out := make([]Bucket, len(counts))
	for i, n := range counts {
		out[i].Count = n
		if i > 0 {
			out[i].Low = bounds[i-1]
		}
		if i < len(bounds) {
			out[i].High = bounds[i]
		}
	}
	return out
}
