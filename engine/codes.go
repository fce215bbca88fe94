package engine

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Names of what did not get a place, or a name, of its own.
const (
	// OverflowName is the operation, and the code, under which everything is
	// counted for which there is no room.
	OverflowName = "_OTHER"
	// UnnamedOperation is the operation of reports without a name.
	UnnamedOperation = "_UNNAMED"
)

// MaxNameBytes is the number of bytes that a name or a code may have; longer ones are cut.
const MaxNameBytes = 256

// TruncateName returns s, cut at a rune if it is longer than [MaxNameBytes]. It does not
// copy: the result keeps all of s in memory.
func TruncateName(s string) string {
	if len(s) <= MaxNameBytes {
		return s
	}
	n := MaxNameBytes
	for n > MaxNameBytes-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// bounded is TruncateName, and a copy that holds on to nothing else in memory.
func bounded(s string) string { return strings.Clone(TruncateName(s)) }

// operationName returns the name under which an operation is counted.
func operationName(name string) string {
	if name == "" {
		return UnnamedOperation
	}
	return TruncateName(name)
}

// CodeFeature says what a status code means.
type CodeFeature struct {
	// Success says whether a call with this code succeeded.
	Success bool `mapstructure:"success"`
	// Name is the code's name in summaries; empty: the code alone is shown.
	Name string `mapstructure:"name"`
}

// OutcomeOf decides an outcome by the code alone: as codes says, or else success for "", "OK",
// "0" and 100..399, and failure for the rest.
func OutcomeOf(codes map[string]CodeFeature, code string) Outcome {
	if len(codes) > 0 {
		if f, ok := codes[code]; ok {
			if f.Success {
				return OutcomeSuccess
			}
			return OutcomeFailure
		}
	}
	if codeMeansSuccess(code) {
		return OutcomeSuccess
	}
	return OutcomeFailure
}

// codeMeansSuccess is true for "", "OK", "0" and 100..399.
func codeMeansSuccess(code string) bool {
	switch len(code) {
	case 0:
		return true
	case 1:
		return code[0] == '0'
	case 2:
		return code == "OK"
	case 3:
		return '1' <= code[0] && code[0] <= '3' &&
			'0' <= code[1] && code[1] <= '9' &&
			'0' <= code[2] && code[2] <= '9'
	}
	return false
}

// codeCounter counts failures by code, up to a number of codes; the rest count
// as OverflowName. The codes stay a list: there are few, and it is cheap
// to keep one for every operation.
type codeCounter []codeTally

type codeTally struct {
	code  string
	count uint64
}

// add counts n failures and returns the code under which they were counted. limit
// is the number of codes that get a place of their own.
func (c *codeCounter) add(code string, n uint64, limit int) string {
	code = TruncateName(code)
	for i := range *c {
		if (*c)[i].code == code {
			(*c)[i].count += n
			return (*c)[i].code
		}
	}
	if len(*c) >= limit {
		code = OverflowName
		for i := range *c {
			if (*c)[i].code == code {
				(*c)[i].count += n
				return code
			}
		}
	}
	code = strings.Clone(code)
	*c = append(*c, codeTally{code: code, count: n})
	return code
}

// take returns the counts under their given names, largest first, and empties c.
func (c *codeCounter) take(codes map[string]CodeFeature) []CodeCount {
	out := make([]CodeCount, 0, len(*c))
	// The most frequent code comes first, and stands for those that share its name.
	slices.SortFunc(*c, func(a, b codeTally) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.code, b.code))
	})
next:
	for _, t := range *c {
		name := codes[t.code].Name
		if name != "" {
			for i := range out {
				if out[i].Name == name {
					out[i].Count += t.count
					continue next
				}
			}
		}
		out = append(out, CodeCount{Code: t.code, Name: name, Count: t.count})
	}
	slices.SortStableFunc(out, func(a, b CodeCount) int { return cmp.Compare(b.Count, a.Count) })
	clear(*c)
	*c = (*c)[:0]
	return out
}
