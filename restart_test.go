package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/state"
)

// crashing is a home in memory that a monitor may leave at any time, as if its process had been killed: the
// next one gets what was saved until then.
type crashing struct {
	mu   sync.Mutex
	data []byte
}

func (c *crashing) Load(context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.data), nil
}

func (c *crashing) Save(_ context.Context, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = slices.Clone(data)
	return nil
}

func (c *crashing) SetAside(context.Context) (string, error) { return "", nil }
func (c *crashing) Close(context.Context) error              { return nil }

// after returns what a process that was killed now would leave.
func (c *crashing) after() *crashing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &crashing{data: slices.Clone(c.data)}
}

// told keeps what a receiver is told, in short, and the ids.
type told struct {
	mu    sync.Mutex
	lines []string
	ids   map[string]bool
}

func (r *told) Notify(_ context.Context, alerts []alert.Alert) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range alerts {
		a := &alerts[i]
		r.lines = append(r.lines, fmt.Sprintf("%s %s %s", a.Operation, a.Objective, a.State))
		if r.ids == nil {
			r.ids = make(map[string]bool)
		}
		r.ids[a.ID] = true
	}
	return nil
}

func (r *told) check(t *testing.T, ids int, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lines, want) || len(r.ids) != ids {
		t.Errorf("told %q with %d ids, want %q with %d", r.lines, len(r.ids), want, ids)
	}
}

func TestRestart(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, m *Monitor, home *crashing) *crashing{
		"killed": func(_ *testing.T, _ *Monitor, home *crashing) *crashing { return home.after() },
		"ended": func(t *testing.T, m *Monitor, home *crashing) *crashing {
			if err := m.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			return home
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				receiver, home := &told{}, &crashing{}
				lives := 0
				run := func() *Monitor {
					lives++
					life := lives
					notifier := alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
						if life < lives {
							return nil // a killed process says nothing more
						}
						return receiver.Notify(ctx, alerts)
					})
					return start(t, Config{
						Service: "shop", Notifiers: []alert.Notifier{notifier}, Sinks: []engine.Sink{}, State: home,
						Operations: map[string]engine.Objective{"silent": {MinTraffic: 1}},
					})
				}
				m := run()
				minute := func(code string, n int, others ...string) {
					for range n {
						reportMany(m, 5, Report{Operation: "pay", Code: code})
						for _, o := range others {
							reportMany(m, 5, Report{Operation: o})
						}
						nextMinute()
					}
				}
				restart := func() {
					if home = end(t, m, home); home.data == nil {
						t.Fatal("nothing was saved")
					}
					m = run()
					nextMinute()
				}
				nextMinute()
				minute("200", 1, "silent")
				minute("500", 2)
				restart() // two bad periods, and two without a call of the silent one
				receiver.check(t, 1, "silent traffic firing")
				minute("500", 1)
				receiver.check(t, 2, "silent traffic firing", "pay availability firing")
				restart()
				if s := m.Status(); len(s.Alerts) != 2 || m.Healthy("pay") || s.State.Restored.IsZero() || s.State.Saved.IsZero() {
					t.Errorf("status after a restart: %+v", s)
				}
				minute("500", 3)
				minute("200", 2, "silent")
				restart()
				minute("200", 1, "silent")
				minute("200", 3, "silent")
				receiver.check(t, 2, "silent traffic firing", "pay availability firing", "pay availability resolved", "silent traffic resolved")
				if s := m.Status(); len(s.Alerts) != 0 || !m.Healthy("pay") {
					t.Errorf("status at the end: %+v", s.Alerts)
				}
			})
		})
	}
}

// A period that is over is judged, and told, though its home hangs.
func TestSlowHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver := &told{}
		m := start(t, Config{Notifiers: []alert.Notifier{receiver}, Sinks: []engine.Sink{}, State: hanging{}, Objective: engine.Objective{AlertAfter: 1}})
		nextMinute()
		for i := range 5 {
			reportMany(m, 5, Report{Operation: "pay", Code: "500"})
			nextMinute()
			if end := m.Status().PeriodEnd; !end.Equal(time.Now()) {
				t.Errorf("period %d: as of %s, want %s", i, end, time.Now())
			}
		}
		receiver.check(t, 1, "pay availability firing")
	})
}

// hanging is a home that never answers.
type hanging struct{}

func (hanging) Load(context.Context) ([]byte, error) { return nil, nil }
func (hanging) Save(ctx context.Context, _ []byte) error {
	<-ctx.Done()
	return ctx.Err()
}
func (hanging) SetAside(context.Context) (string, error) { return "", nil }
func (hanging) Close(context.Context) error              { return nil }

func TestStateOfAFile(t *testing.T) {
	file := yamlFile(t, "state:\n  file: "+t.TempDir()+"/state\n  tolerance: 1h\n")
	c, err := FromYAML(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.StateTolerance != time.Hour || !strings.HasSuffix(fmt.Sprint(c.State), "/state") {
		t.Errorf("state %v, tolerance %s", c.State, c.StateTolerance)
	}
	for text, want := range map[string]string{
		"state:\n  tolerance: 1ms\n":            "state.tolerance: must be between 1s and 168h, got 1ms",
		"state:\n  file: x\n  disabled: true\n": `state.file: must be empty where disabled is true, got "x"`,
		"state:\n  path: x\n":                   "state.path",
	} {
		if _, err := FromYAML(yamlFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if c, err := FromYAML(yamlFile(t, "state:\n  disabled: true\n")); err != nil || c.State != nil {
		t.Errorf("disabled: %v, %v", c.State, err)
	}
	t.Setenv("GO_MONITOR_STATE_FILE", t.TempDir()+"/from-env")
	m := start(t, Config{Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{}})
	if home := m.Status().State.Home; !strings.HasSuffix(home, "/from-env") {
		t.Errorf("state in %q", home)
	}
	if err := m.Reload(Config{State: state.File("/elsewhere"), Notifiers: []alert.Notifier{}}); err == nil || !strings.Contains(err.Error(), "state.file") {
		t.Errorf("reload: %v", err)
	}
}

// Without a state, a monitor that ends while an alert fires says so, once; and its successor, which
// knows nothing of that, may fire anew.
func TestLastWord(t *testing.T) {
	for name, home := range map[string]state.Store{"without state": nil, "with state": &crashing{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				receiver := &told{}
				var last alert.Alert
				keep := alert.NotifierFunc(func(_ context.Context, alerts []alert.Alert) error {
					last = alerts[len(alerts)-1].Clone()
					return nil
				})
				m := start(t, Config{Service: "shop", Notifiers: []alert.Notifier{receiver, keep}, Sinks: []engine.Sink{}, State: home})
				nextMinute()
				for range 4 {
					reportMany(m, 5, Report{Operation: "pay", Code: "500"})
					nextMinute()
				}
				reportMany(m, 5, Report{Operation: "other"})
				for range 2 {
					if err := m.Shutdown(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				if home != nil {
					receiver.check(t, 1, "pay availability firing")
					return
				}
				receiver.check(t, 1, "pay availability firing", "pay availability interrupted")
				if len(m.Status().Alerts) != 1 {
					t.Errorf("the alert has ended: %+v", m.Status().Alerts)
				}
				if got := last.Headline(); got != "was still bad when "+thisProcess()+" stopped: 0 % succeed (target 95 %)" {
					t.Errorf("headline: %s", got)
				}
				// Two minutes to be there again, the rest of a period, and three periods.
				if got := time.Until(last.ExpiresAt); got != 6*time.Minute {
					t.Errorf("it expires in %s", got)
				}
			})
		})
	}
}

// What SetObjectives does not change keeps its streaks and its alerts, and nobody hears of it.
func TestSetObjectives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver := &told{}
		m := start(t, Config{
			Notifiers: []alert.Notifier{receiver}, Sinks: []engine.Sink{}, Objective: engine.Objective{AlertAfter: 3},
			Operations: map[string]engine.Objective{"gone": {SuccessRatio: 0.1}, "same": {SuccessRatio: 0.99}},
		})
		minute := func() {
			for _, name := range []string{"gone", "same", "new"} {
				reportMany(m, 5, Report{Operation: name})
				reportMany(m, 5, Report{Operation: name, Code: "500"})
			}
			nextMinute()
		}
		nextMinute()
		minute()
		minute()
		err := m.SetObjectives(map[string]engine.Objective{"same": {}, "new": {SuccessRatio: 2}})
		if err == nil || err.Error() != `operations["new"].success_ratio: must be above 0 and at most 1, got 2` {
			t.Errorf("got %v", err)
		}
		if err := m.SetObjectives(map[string]engine.Objective{"same": {SuccessRatio: 0.99}, "new": {SuccessRatio: 0.4}}); err != nil {
			t.Fatal(err)
		}
		minute() // the third one, judged by what it began with
		receiver.check(t, 2, "same availability firing", "new availability firing")
		minute()
		minute()
		minute() // the new one is good now, and the one that is gone is bad
		receiver.check(t, 3, "same availability firing", "new availability firing", "gone availability firing", "new availability resolved")
		if got := m.Status().Alerts; len(got) != 2 {
			t.Errorf("%d alerts fire, want 2", len(got))
		}
	})
}

// What a notifier had not taken when its process was killed, the next process delivers, also what has ended
// meanwhile, and nothing twice.
func TestUndeliveredOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver, home := &told{}, &crashing{}
		var lives, upSince int
		run := func() *Monitor {
			lives++
			life := lives
			return start(t, Config{
				Notifiers: []alert.Notifier{alert.NotifierFunc(func(ctx context.Context, alerts []alert.Alert) error {
					switch {
					case life < lives:
						return nil // a killed process says nothing more
					case life < upSince || upSince == 0:
						return errors.New("away")
					}
					return receiver.Notify(ctx, alerts)
				})},
				Sinks: []engine.Sink{}, State: home, Objective: engine.Objective{AlertAfter: 1},
			})
		}
		m := run()
		nextMinute()
		for range 2 {
			reportMany(m, 5, Report{Operation: "pay", Code: "500"})
			nextMinute()
		}
		receiver.check(t, 0)
		home, upSince = home.after(), 2
		m = run()
		synctest.Wait()
		receiver.check(t, 1, "pay availability firing") // at once, not at the end of a period
		nextMinute()
		for range 4 {
			reportMany(m, 5, Report{Operation: "pay"})
			nextMinute()
		}
		home = home.after()
		run()
		nextMinute()
		receiver.check(t, 1, "pay availability firing", "pay availability resolved")
	})
}
