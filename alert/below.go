package alert

import (
	"fmt"
	"strings"
)

// HeadlineBelow is [Alert.Headline] for a list below alerts that are shown in full. What is caused
// by the only one of them does not say so again in each line; where there are several, it names
// the one.
func (a *Alert) HeadlineBelow(above []Alert) string {
	text := a.Headline()
	withoutCause := strings.TrimSuffix(text, ", "+a.MainCause())
	for i := range above {
		switch cause := &above[i]; {
		case a.State != Firing || a.CausedBy == "" || cause.ID != a.CausedBy:
		case len(above) == 1:
			return withoutCause
		default:
			return withoutCause + ", caused by " + cause.Operation
		}
	}
	return text
}

// LineBelow is [Line] for a list below alerts that are shown in full, with the headline of
// [Alert.HeadlineBelow], and the service where it is not that of the first of them.
func LineBelow(a *Alert, above []Alert) string {
	name := Printable(a.Operation)
	if a.Service != "" && (len(above) == 0 || a.Service != above[0].Service) {
		name += fmt.Sprintf(" (%s)", Printable(a.Service))
	}
	return fmt.Sprintf("%s  %s  %s: %s", mark(a), name, a.Objective, Printable(a.HeadlineBelow(above)))
}
