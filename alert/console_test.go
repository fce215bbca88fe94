package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder keeps what was written to it, call by call.
type recorder struct {
	bytes.Buffer // has a WriteString, which must not be used instead of Write
	writes       []string
	fail         error // of the call that comes after the others
	failAt       int
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.fail != nil && len(r.writes) == r.failAt {
		return 0, r.fail
	}
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func TestConsoleWritesOncePerAlert(t *testing.T) {
	firing, resolved := incident(t, Availability)
	var w recorder
	if err := Console(&w).Notify(context.Background(), []Alert{firing, resolved}); err != nil {
		t.Fatal(err)
	}
	want := []string{"\n" + Text(&firing), "\n" + Text(&resolved)}
	if diff := cmp.Diff(want, w.writes); diff != "" {
		t.Errorf("calls of Write (-want +got):\n%s", diff)
	}
	if w.Len() > 0 {
		t.Errorf("written in another way: %q", w.String())
	}
}

func TestConsoleReportsErrors(t *testing.T) {
	firing, resolved := incident(t, Availability)
	w := recorder{fail: errors.New("broken pipe"), failAt: 1}
	err := Console(&w).Notify(context.Background(), []Alert{firing, resolved})
	if !errors.Is(err, w.fail) {
		t.Errorf("error = %v, want %v", err, w.fail)
	}
	if len(w.writes) != 1 {
		t.Errorf("%d alerts were written, want the one before the error", len(w.writes))
	}
}

func TestConsoleIsInert(t *testing.T) {
	for _, k := range kinds {
		for _, name := range hostile {
			firing, resolved := spoiltBy(t, k, name)
			repeat := firing
			repeat.Repeat = true
			var w recorder
			if err := Console(&w).Notify(context.Background(), []Alert{firing, resolved, repeat}); err != nil {
				t.Fatal(err)
			}
			for _, text := range w.writes {
				checkInert(t, text)
			}
		}
	}
}

// Of many alerts the root is written in full, and each other in one line.
func TestConsoleOfMany(t *testing.T) {
	root, resolved := incident(t, Availability)
	var alerts []Alert
	for i := range 12 {
		a := resolved.Clone()
		a.ID, a.Operation = fmt.Sprint("r", i), fmt.Sprintf("GET /a-%02d", i)
		alerts = append(alerts, a)
	}
	for i := range 37 {
		a := root.Clone()
		a.ID, a.Operation, a.CausedBy = fmt.Sprint("d", i), fmt.Sprintf("GET /b-%02d", i), root.ID
		alerts = append(alerts, a)
	}
	alerts = append(alerts, root)
	var w recorder
	if err := Console(&w).Notify(context.Background(), alerts); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(w.writes, "")
	if lines := strings.Count(text, "\n"); lines > len(alerts)+20 {
		t.Errorf("%d alerts are %d lines", len(alerts), lines)
	}
	for i := range alerts {
		if !strings.Contains(text, alerts[i].Operation+"  ") {
			t.Errorf("%s is not named", alerts[i].Operation)
		}
	}
	if !strings.HasPrefix(text, "\n38 firing, 1 root: "+root.Operation) || w.writes[1] != "\n"+Text(&root) {
		t.Errorf("it begins with %q", w.writes[:2])
	}
}

// Of very many alerts there is a screen, which says how many there are of what it does not name.
func TestConsoleOfVeryMany(t *testing.T) {
	root, resolved := incident(t, Availability)
	var alerts []Alert
	add := func(of *Alert, n int, format, service string) {
		for i := range n {
			a := of.Clone()
			a.ID, a.Operation, a.Service = fmt.Sprint(format, i), fmt.Sprintf(format, i), service
			if a.State == Firing {
				a.CausedBy = root.ID
			}
			alerts = append(alerts, a)
		}
	}
	add(&resolved, 50, "GET /old/%d", "shop")
	add(&root, 700, "GET /items/%04d/v2", "shop")
	add(&root, 250, "POST /carts/%d", "cart")
	for i := range 49 {
		add(&root, 1, "GET /"+strings.Repeat("x", i+1)+"%d", "shop")
	}
	alerts = append(alerts, root)
	var w recorder
	if err := Console(&w).Notify(context.Background(), alerts); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(w.writes, "")
	if lines := strings.Count(text, "\n"); lines > screen {
		t.Errorf("%d alerts are %d lines", len(alerts), lines)
	}
	if !strings.HasPrefix(text, "\n1000 firing, 1 root: "+root.Operation) || w.writes[1] != "\n"+Text(&root) {
		t.Errorf("it begins with %q", w.writes[:2])
	}
	// Every alert is in the text in full, in a line, or in a count.
	told := strings.Count(text, "ALERT   ") + strings.Count(text, "RESOLVED  ")
	for line := range strings.Lines(text) {
		var n, m int
		if _, err := fmt.Sscanf(line, "and %d more firing, %d more resolved", &n, &m); err == nil {
			told += n + m
		} else if _, group, ok := strings.Cut(line, "  (and "); ok {
			_, _ = fmt.Sscanf(group, "%d more: ", &n)
			told += n
		}
	}
	if told != len(alerts) {
		t.Errorf("%d alerts are told of, want %d:\n%s", told, len(alerts), text)
	}
	for _, want := range []string{"(and 699 more: GET /items/*/v*)\n", "(and 249 more: POST /carts/*)\n", "other names\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
