package alert

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/engine"
)

// failing returns the summary of an operation 10 of whose 20 calls failed, for the given causes.
func failing(i int, name string, o engine.Objective, causes ...engine.CauseCount) engine.Summary {
	s := named(summaryOf(i, o, calls{success: 10, within: 10, failure: 10}), op(name))
	s.FailureCauses = causes
	return s
}

// slow returns the summary of an operation 10 of whose 20 calls were slow.
func slow(i int, name string, o engine.Objective, causes ...engine.CauseCount) engine.Summary {
	s := named(summaryOf(i, o, calls{success: 20, within: 10}), op(name))
	s.SlowCauses = causes
	return s
}

// links says of alerts in short what is caused by what: by the name of the alert known by id.
func links(names map[string]string, alerts []Alert) []string {
	for i := range alerts {
		names[alerts[i].ID] = fmt.Sprintf("%s %s", alerts[i].Operation, alerts[i].Objective)
	}
	var all []string
	for i := range alerts {
		a := &alerts[i]
		text := fmt.Sprintf("%s %s", names[a.ID], a.State)
		if a.Repeat {
			text += " still"
		}
		if a.CausedBy != "" {
			text += " <- " + names[a.CausedBy]
		}
		all = append(all, text)
	}
	return all
}

func TestCausedBy(t *testing.T) {
	once := expecting(engine.Objective{AlertAfter: 1, RecoverAfter: 1})
	type period = []engine.Summary
	tests := []struct {
		name    string
		periods []period
		want    []string // alerts of the last period
	}{
		{"the root comes first, though its name does not",
			[]period{{failing(0, "a", once, cause("z", "503", 9)), failing(0, "z", once)}},
			[]string{"z availability firing", "a availability firing <- z availability"}},
		{"the network to it, which is no fault of its own",
			[]period{{slow(0, "a", once, cause("z", engine.NetworkCode, 9)), slow(0, "z", once)}},
			[]string{"a latency firing", "z latency firing"}},
		{"it began earlier",
			[]period{{failing(0, "z", once)}, {failing(1, "a", once, cause("z", "503", 9))}},
			[]string{"a availability firing <- z availability"}},
		{"half of the failures",
			[]period{{failing(0, "a", once, cause("z", "503", 5)), failing(0, "z", once)}},
			[]string{"z availability firing", "a availability firing <- z availability"}},
		{"less than half of them",
			[]period{{failing(0, "a", once, cause("z", "503", 4)), failing(0, "z", once)}},
			[]string{"a availability firing", "z availability firing"}},
		{"one less than half of an odd number",
			[]period{{func() engine.Summary {
				s := failing(0, "a", once, cause("z", "503", 5))
				s.Failure = 11
				return s
			}(), failing(0, "z", once)}},
			[]string{"a availability firing", "z availability firing"}},
		{"half of them by two codes",
			[]period{{failing(0, "a", once, cause("y", "", 4), cause("z", "503", 3), cause("z", "500", 3)), failing(0, "z", once), failing(0, "y", once)}},
			[]string{"y availability firing", "z availability firing", "a availability firing <- z availability"}},
		{"half of them each, and one of the two has an alert",
			[]period{{failing(0, "a", once, cause("y", "", 5), cause("z", "", 5)), failing(0, "z", once)}},
			[]string{"z availability firing", "a availability firing <- z availability"}},
		{"half of them over all periods",
			[]period{
				{failing(0, "a", expecting(engine.Objective{AlertAfter: 2}), cause("z", "", 10)), failing(0, "z", once)},
				{failing(1, "a", expecting(engine.Objective{AlertAfter: 2}))}},
			[]string{"a availability firing <- z availability"}},
		{"a cause that is well",
			[]period{{failing(0, "a", once, cause("z", "503", 9)), named(summaryOf(0, once, well(9)), op("z"))}},
			[]string{"a availability firing"}},
		{"a cause that is not well yet",
			[]period{{failing(0, "a", once, cause("z", "503", 9)), failing(0, "z", plain())}},
			[]string{"a availability firing"}},
		{"a cause that is well again",
			[]period{{failing(0, "z", once)}, {failing(1, "a", once, cause("z", "503", 9)), named(summaryOf(1, once, well(9)), op("z"))}},
			[]string{"a availability firing", "z availability resolved"}},
		{"a cause of another kind of spans",
			[]period{{failing(0, "a", once, engine.CauseCount{Cause: engine.Cause{Service: "shop", SpanKind: engine.SpanKindClient, Operation: "z"}, Count: 9}), failing(0, "z", once)}},
			[]string{"a availability firing", "z availability firing"}},
		{"itself",
			[]period{{failing(0, "a", once, cause("a", "503", 9))}},
			[]string{"a availability firing"}},
		{"slow calls",
			[]period{{slow(0, "a", once, cause("z", "", 6)), slow(0, "z", once)}},
			[]string{"z latency firing", "a latency firing <- z latency"}},
		{"slow calls are not caused by what failures are",
			[]period{{func() engine.Summary {
				s := slow(0, "a", once)
				s.FailureCauses = period{failing(0, "a", once, cause("z", "", 10))}[0].FailureCauses
				return s
			}(), slow(0, "z", once)}},
			[]string{"a latency firing", "z latency firing"}},
		{"the alert about the same objective",
			[]period{{slow(0, "a", once, cause("z", "", 6)), named(summaryOf(0, once, calls{success: 10, failure: 10}), op("z"))}},
			[]string{"z availability firing", "z latency firing", "a latency firing <- z latency"}},
		{"or else another one",
			[]period{{slow(0, "a", once, cause("z", "", 6)), failing(0, "z", once)}},
			[]string{"z availability firing", "a latency firing <- z availability"}},
		{"three levels",
			[]period{{failing(0, "a", once, cause("b", "", 9)), failing(0, "b", once, cause("c", "", 9)), failing(0, "c", once)}},
			[]string{"c availability firing", "b availability firing <- c availability", "a availability firing <- b availability"}},
		{"what is caused comes after all roots",
			[]period{{failing(0, "a", once), failing(0, "b", once, cause("a", "", 9)), failing(0, "c", once)}},
			[]string{"a availability firing", "c availability firing", "b availability firing <- a availability"}},
		{"two cause each other",
			[]period{{failing(0, "a", once, cause("b", "", 9)), failing(0, "b", once, cause("a", "", 9))}},
			[]string{"a availability firing <- b availability", "b availability firing <- a availability"}},
		{"three cause each other, and one more",
			[]period{{failing(0, "a", once, cause("d", "", 9)), failing(0, "b", once, cause("c", "", 9)), failing(0, "c", once, cause("d", "", 9)), failing(0, "d", once, cause("b", "", 9))}},
			[]string{"b availability firing <- c availability", "c availability firing <- d availability", "d availability firing <- b availability", "a availability firing <- d availability"}},
		{"one that is resolved keeps the link",
			[]period{
				{failing(0, "a", once, cause("z", "", 9)), failing(0, "z", once)},
				{named(summaryOf(1, once, well(9)), op("z"))},
				{named(summaryOf(2, once, well(9)), op("a"))}},
			[]string{"a availability resolved <- z availability"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, names := NewJudge(), make(map[string]string)
			var got []string
			for _, p := range tt.periods {
				_, alerts := judged(j, p...)
				got = links(names, alerts)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}
