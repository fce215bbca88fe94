// Package wildcard has patterns in which a star stands for any text, whatever the case of letters.
package wildcard

import "strings"

// Pattern is a text with stars. The zero value fits every text.
type Pattern struct {
	parts []string // what lies between the stars
}

// New returns the pattern of a text.
func New(text string) Pattern {
	if text == "" {
		return Pattern{}
	}
	return Pattern{strings.Split(text, "*")}
}

// Fits reports whether a text is one that the pattern means.
func (p *Pattern) Fits(text string) bool {
	if len(p.parts) == 0 {
		return true
	}
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(p.parts) == 1 {
		return len(text) == len(first) && strings.EqualFold(text, first)
	}
	if len(text) < len(first)+len(last) || !strings.EqualFold(text[:len(first)], first) || !strings.EqualFold(text[len(text)-len(last):], last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range p.parts[1 : len(p.parts)-1] {
		i := indexFold(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// indexFold returns where a part begins in a text, whatever the case of letters, or -1.
func indexFold(text, part string) int {
	for i := 0; i+len(part) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

// IsAny reports whether the pattern is the zero value, which fits every text.
func (p *Pattern) IsAny() bool { return len(p.parts) == 0 }
