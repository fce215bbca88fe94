package alert

import (
	"bytes"
	"context"
	"errors"
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
