package keyed

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Range is where a duration of a configuration must lie.
type Range struct {
	// Low is the shortest one. Default 1ms: what is shorter is most likely a number to which
	// Go gave nanoseconds.
	Low time.Duration
	// High is the longest one. Default: none is too long.
	High time.Duration
	// Negative says what a negative duration is for, such as "for none". Default: it is refused.
	Negative string
}

// shortest is the Low of a zero Range.
const shortest = time.Millisecond

// Check returns an error unless d is 0, which means the default, or lies in r. It names the key,
// quotes the duration, and says what was probably meant by one that is far too short.
func (r Range) Check(key string, d time.Duration) error {
	low := cmp.Or(r.Low, shortest)
	if d == 0 || d < 0 && r.Negative != "" || d >= low && (r.High == 0 || d <= r.High) {
		return nil
	}
	var want string
	switch {
	case r.Low > shortest && r.High != 0, r.Low == shortest && r.High != 0 && r.Negative == "":
		want = "between " + Short(low) + " and " + Short(r.High)
	case (d < 0 || d >= low) && r.High != 0 && r.Negative == "":
		want = "above 0s and at most " + Short(r.High)
	case d >= low:
		want = "at most " + Short(r.High)
	default:
		want = "at least " + Short(low)
	}
	if r.Negative != "" {
		want += ", or negative " + r.Negative
	}
	return fmt.Errorf("%s: must be %s, got %s%s", key, want, d, r.meant(d))
}

// meant says what a duration of some nanoseconds was probably meant to be, if there is such a thing.
func (r Range) meant(d time.Duration) string {
	if d <= 0 || d >= shortest {
		return ""
	}
	var units []string
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}} {
		if m := d * u.unit; m >= r.Low && (r.High == 0 || m <= r.High) {
			units = append(units, fmt.Sprintf("%d%s", int64(d), u.name))
		}
	}
	if units == nil {
		return ""
	}
	return fmt.Sprintf("; a number without a unit is nanoseconds, probably %s is meant", strings.Join(units, " or "))
}

// NoUnit returns the error of a number that stands where a duration should: 300 for 300ms.
func NoUnit(key, number string) error {
	if strings.HasPrefix(number, "-") {
		return fmt.Errorf("%s: %s has no unit, probably %ss is meant", key, number, number)
	}
	return fmt.Errorf("%s: %s has no unit, probably %sms or %ss is meant", key, number, number, number)
}

// Short writes a duration as people do: 1h, not 1h0m0s.
func Short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
