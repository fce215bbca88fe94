// Package human writes numbers and names for people. It imports the standard
// library only, so that every package may use it.
package human

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Percent writes a ratio that stands beside its target, with one decimal or as many as it takes.
// Rounding neither lifts it from below the target to the target, nor takes it to 0 % or 100 % from
// between.
func Percent(ratio, target float64) string {
	bound := Rounded100(target)
	for decimals := 1; ; decimals++ {
		s := strconv.FormatFloat(Rounded100(ratio), 'f', decimals, 64)
		v, _ := strconv.ParseFloat(s, 64)
		isFaithful := (v < bound) == (ratio < target) && (v < 100) == (ratio < 1) && (v > 0) == (ratio > 0)
		if isFaithful || decimals == MaxDecimals {
			return TrimZeros(s) + " %"
		}
	}
}

// MaxDecimals of a percentage tell every share of up to 10^12 calls from its neighbours.
const MaxDecimals = 10

// Rounded100 returns 100 times a ratio without the noise of the multiplication:
// 7, not 7.000000000000001.
func Rounded100(ratio float64) float64 { return math.Round(ratio*1e12) / 1e10 }

// TrimZeros removes the zeros at the end of a number with decimals.
func TrimZeros(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

// ThreeDigits rounds a duration to three digits, or to the second from a minute on.
func ThreeDigits(d time.Duration) time.Duration {
	if d >= time.Minute {
		return d.Round(time.Second)
	}
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// Printable returns s with everything that could move a cursor, break a line or reorder text
// written as an escape.
func Printable(s string) string {
	clean := func(r rune) bool {
		return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar
	}
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case clean(r):
			b.WriteRune(r)
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(r)):
			fmt.Fprintf(&b, `\x%02x`, s[i]) // not UTF-8
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}
