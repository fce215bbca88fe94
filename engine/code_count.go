package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/blurooo/go-monitor/v2/internal/human"
)

// CodeCount is the number of failures with one code.
type CodeCount struct {
	// Code is the status code. Of several codes with one name it is the most frequent one.
	Code string `json:"code"`
	// Name is the code's name from [Config.Codes], empty if it has none. Codes of
	// one name are added up.
	Name  string `json:"name,omitempty"`
	Count uint64 `json:"count"`
}

// codeCounter counts failures by code, up to a number of codes; the rest count
// as [OverflowName]. It is a list since an operation fails with few codes, and a map for
// every operation would take more memory.
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

// CodesText lists failures by code, the three most frequent ones and the number of the
// others: "503 unavailable x12, 500 x3, others x2". It is printable.
func CodesText(failures []CodeCount) string {
	const most = 3
	var parts []string
	var rest uint64
	for i, f := range failures {
		if i >= most {
			rest += f.Count
			continue
		}
		label := "no code"
		if f.Code != "" {
			label = human.Printable(f.Code)
		}
		if f.Name != "" && f.Name != f.Code {
			label += " " + human.Printable(f.Name)
		}
		parts = append(parts, fmt.Sprintf("%s x%d", label, f.Count))
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("others x%d", rest))
	}
	return strings.Join(parts, ", ")
}
