package alert

import "fmt"

// HeadlineBelow is [Alert.Headline] for a list below alerts that are shown in full. What is caused
// by the only one of them does not say so again in each line; where there are several, it names
// the one.
func (a *Alert) HeadlineBelow(above []Alert) string {
	for i := range above {
		switch cause := &above[i]; {
		case a.State != Firing || a.CausedBy == "" || cause.ID != a.CausedBy:
		case len(above) == 1:
			return a.Measured()
		default:
			return a.Measured() + ", caused by " + cause.Operation
		}
	}
	return a.Headline()
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
