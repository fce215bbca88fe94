package mail

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

//go:embed mail.html
var page string

// pageTemplate loads nothing: no style sheet, no image, no script.
var pageTemplate = template.Must(template.New("mail").Parse(page))

// html writes the HTML part.
func (c *content) html() (string, error) {
	cards := make([]card, 0, len(c.Alerts))
	for _, a := range c.Alerts {
		cards = append(cards, cardOf(a))
	}
	var b strings.Builder
	err := pageTemplate.Execute(&b, struct {
		*content
		Cards []card
	}{c, cards})
	return b.String(), err
}

// card is an alert as the page shows it.
type card struct {
	State   string
	Firing  bool
	About   string // the operation
	Service string // in parentheses
	Whose   string // monitor, service, kind of spans
	Facts   []fact
	Columns []string
	Periods [][]string
	Skipped int // periods that are not shown
	Calls   []string
	ID      string
}

// fact is one line of a card.
type fact struct{ Name, Value string }

// cardOf returns an alert as the page shows it.
func cardOf(a *alert.Alert) card {
	c := card{
		State:   stateWord(a),
		Firing:  a.State != alert.Resolved,
		About:   shown(a.Operation, maxName),
		Service: serviceSuffix(a),
		Whose:   "monitor " + shown(a.Monitor, maxName),
		Columns: columns(a),
		ID:      shown(a.ID, maxName),
	}
	if a.Service != "" {
		c.Whose += ", service " + shown(a.Service, maxName)
	}
	if a.SpanKind != engine.SpanKindUnspecified {
		c.Whose += ", " + a.SpanKind.String() + " spans"
	}
	add := func(name, value string) { c.Facts = append(c.Facts, fact{name, shown(value, 2*maxName)}) }
	add(strings.ReplaceAll(a.Objective.String(), "_", " "), a.Measured())
	if a.State == alert.Resolved {
		add("bad", fmt.Sprintf("%s to %s (%s)", alert.Moment(a.StartsAt), alert.Moment(a.EndsAt), alert.Rounded(a.Lasted())))
	} else {
		add("bad since", fmt.Sprintf("%s (%s)", alert.Moment(a.StartsAt), alert.Rounded(a.Lasted())))
	}
	add("at worst", fmt.Sprintf("%s, at last %s", a.ValueText(a.WorstActual), a.ValueText(a.LastActual)))
	const most = 3 // causes
	for i := range a.Causes[:min(len(a.Causes), most)] {
		if a.State == alert.Resolved {
			break
		}
		cause := &a.Causes[i]
		add("caused by", alert.Percent(cause.Share)+" "+alert.CauseText(&cause.Cause, a.Service))
	}
	if a.State != alert.Resolved && a.CausedBy != "" {
		add("caused by alert", a.CausedBy)
	}
	first, last := len(a.Evidence), 0 // of more than five periods, the first and the last four are shown
	if n, led := len(a.Evidence), max(a.Periods, len(a.Evidence)); led > 5 && n > 0 {
		first, last = 1, max(1, n-4)
		c.Skipped = led - first - (n - last)
	}
	for i := range a.Evidence {
		if i < first || last > 0 && i >= last {
			c.Periods = append(c.Periods, cells(a, &a.Evidence[i]))
		}
	}
	if a.State != alert.Resolved {
		for _, call := range a.Exemplars() {
			c.Calls = append(c.Calls, shown(alert.ExemplarText(call), 2*maxName))
		}
	}
	return c
}

// columns are the heads of the table of periods.
func columns(a *alert.Alert) []string {
	switch a.Objective {
	case alert.Latency:
		return []string{"period", "successes", "within " + alert.Exact(a.LatencyTarget), "p50", "p99"}
	case alert.Traffic:
		return []string{"period", "calls", "usually"}
	case alert.Stuck:
		return []string{"period", "in flight", "stuck", "oldest"}
	case alert.BurnRate:
		return []string{"period", "calls", "failed", "5m", "30m", "1h", "6h"}
	}
	return []string{"period", "calls", "succeed", "failures"}
}

// cells are one period in the table.
func cells(a *alert.Alert, s *engine.Summary) []string {
	row := []string{alert.Clock(s.Start) + "-" + alert.Clock(s.End)}
	switch a.Objective {
	case alert.Latency:
		return append(row, fmt.Sprint(s.Timed()), a.ValueText(s.WithinTargetRatio), alert.Rounded(s.Latency.P50), alert.Rounded(s.Latency.P99))
	case alert.Traffic:
		usually := "-"
		if s.TypicalCalls > 0 {
			usually = fmt.Sprint(s.TypicalCalls)
		}
		return append(row, fmt.Sprint(s.Count), usually)
	case alert.Stuck:
		return append(row, fmt.Sprint(s.InFlight), fmt.Sprint(s.Stuck), a.ValueText(s.OldestInFlight.Seconds()))
	case alert.BurnRate:
		rates := alert.BurnRateTexts(s.BurnRates)
		return append(append(row, fmt.Sprint(s.Success+s.Failure), fmt.Sprint(s.Failure)), rates[:]...)
	}
	return append(row, fmt.Sprint(s.Success+s.Failure), a.ValueText(s.SuccessRatio), clip(alert.CodesText(s.Failures), maxName))
}
