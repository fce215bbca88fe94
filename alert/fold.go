package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// alike are alerts in the same state about operations of a service whose names are alike but for
// their numbers.
type alike struct {
	first  *Alert
	isRoot bool // one of them is
	count  int
}

// fold writes the alerts below the first ones, which are shown in full, in at most so many lines.
// The alerts are in the order of [Sort]. Those that are alike share a line: roots first, and then
// those that are most. The last two lines count what is left and say where it is.
func fold(b *strings.Builder, all []Alert, full, lines int) {
	type key struct {
		isResolved    bool
		service, name string
	}
	byKey := make(map[key]*alike)
	var groups []*alike
	above, alerts, roots := all[:full], all[full:], Roots(all)-full
	for i := range alerts {
		a := &alerts[i]
		k := key{a.State != Firing, a.Service, withoutNumbers(a.Operation)}
		g, ok := byKey[k]
		if !ok {
			g = &alike{first: a}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.isRoot = g.isRoot || i < roots
		g.count++
	}
	slices.SortStableFunc(groups, func(x, y *alike) int {
		return cmp.Or(
			cmp.Compare(order(x.first.State != Firing), order(y.first.State != Firing)),
			cmp.Compare(order(!x.isRoot), order(!y.isRoot)), cmp.Compare(y.count, x.count),
		)
	})
	named := len(groups)
	if named > lines-1 {
		named = lines - 2
	}
	for _, g := range groups[:named] {
		b.WriteString(LineBelow(g.first, above))
		if g.count > 1 {
			fmt.Fprintf(b, "  (and %d more: %s)", g.count-1, Printable(withoutNumbers(g.first.Operation)))
		}
		b.WriteByte('\n')
	}
	firing, resolved := 0, 0
	for _, g := range groups[named:] {
		if g.first.State == Firing {
			firing += g.count
		} else {
			resolved += g.count
		}
	}
	if firing+resolved > 0 {
		fmt.Fprintf(b, "and %d more firing, %d more resolved, of %s\n", firing, resolved, Counted(uint64(len(groups)-named), "other name"))
	}
	b.WriteString("All of them: on the monitor's page, by Status, in the store.\n")
}

// withoutNumbers returns a name with an asterisk for each number in it.
func withoutNumbers(name string) string {
	var b strings.Builder
	inNumber := false
	for i := range len(name) {
		isDigit := '0' <= name[i] && name[i] <= '9'
		if isDigit && !inNumber {
			b.WriteByte('*')
		}
		if !isDigit {
			b.WriteByte(name[i])
		}
		inNumber = isDigit
	}
	return b.String()
}
