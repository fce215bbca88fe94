package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// home is a home whose faults are up to the test.
type home struct {
	data              []byte
	saves             [][]byte
	aside             []string
	loadErr, saveErr  error
	asideErr          error
	slow              time.Duration // of each save
	isLoaded, isFreed bool
}

func (h *home) String() string { return "home" }

func (h *home) Load(context.Context) ([]byte, error) {
	if h.loadErr == nil {
		h.isLoaded = true
	}
	return h.data, h.loadErr
}

func (h *home) Save(ctx context.Context, data []byte) error {
	if !h.isLoaded {
		return errors.New("not loaded")
	}
	if h.slow > 0 {
		select {
		case <-time.After(h.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if h.saveErr == nil {
		h.data = data
		h.saves = append(h.saves, data)
	}
	return h.saveErr
}

func (h *home) SetAside(context.Context) (string, error) {
	if h.asideErr != nil {
		return "", h.asideErr
	}
	h.aside = append(h.aside, string(h.data))
	h.data = nil
	return "aside", nil
}

func (h *home) Close(context.Context) error { h.isFreed = true; return nil }

// counter is a part that remembers a number.
type counter struct {
	n        int
	restored []Saved
	refuses  error
}

func (c *counter) part(name string) Part {
	return Part{
		Name: name, Version: 1,
		Snapshot: func() any {
			if c.n == 0 {
				return nil
			}
			return c.n
		},
		Restore: func(s Saved) error {
			if c.refuses != nil {
				return c.refuses
			}
			c.restored = append(c.restored, s)
			return s.Into(&c.n)
		},
	}
}

// keep starts a keeper of one counter, and returns what goes wrong.
func keep(t *testing.T, h Store, c *counter, change ...func(*Options)) (*Keeper, *[]string) {
	t.Helper()
	errs := new([]string)
	o := Options{Store: h, Monitor: "shop", Instance: "web-1:7", Period: time.Minute, Parts: []Part{c.part("count")},
		OnError: func(err error) { *errs = append(*errs, err.Error()) }}
	for _, f := range change {
		f(&o)
	}
	return NewKeeper(ctx, o), errs
}

func TestKeeperGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &home{}
		first := &counter{}
		k, errs := keep(t, h, first)
		if s := k.Status(); s != (Status{Home: "home"}) {
			t.Errorf("status of a new keeper: %+v", s)
		}
		end := time.Now()
		first.n = 7
		k.Save(end)
		must(t, k.Close(ctx))
		must(t, k.Close(ctx))
		if !h.isFreed {
			t.Error("the home was not left")
		}
		time.Sleep(9 * time.Minute)

		second := &counter{}
		k, errs2 := keep(t, h, second)
		if second.n != 7 || len(second.restored) != 1 {
			t.Fatalf("restored: %+v", second)
		}
		s := second.restored[0]
		if !s.IsRecent || !s.IsSamePeriod || s.Gap() != 9*time.Minute || s.Version != 1 || !s.At.Equal(end) {
			t.Errorf("restored: %+v", s)
		}
		if s := k.Status(); !s.Restored.Equal(end) || !s.Saved.IsZero() || s.LastError != "" {
			t.Errorf("status: %+v", s)
		}
		must(t, k.Close(ctx))
		if len(*errs)+len(*errs2) > 0 {
			t.Errorf("errors: %q %q", *errs, *errs2)
		}
	})
}

func TestKeeperGap(t *testing.T) {
	tests := []struct {
		name              string
		gap               time.Duration
		tolerance, period time.Duration
		recent, same      bool
	}{
		{"ten minutes", 10 * time.Minute, 0, time.Minute, true, true},
		{"more", 10*time.Minute + 1, 0, time.Minute, false, true},
		{"three long periods", 15 * time.Minute, 0, 5 * time.Minute, true, false},
		{"its own", time.Minute, time.Second, time.Minute, false, true},
		{"the clock was set back a little", -time.Minute, 0, time.Minute, true, true},
		{"the clock was set back far", -time.Hour, 0, time.Minute, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := Document{Monitor: "shop", Period: time.Minute, PeriodEnd: time.Now().Add(-test.gap), Sections: map[string]Section{"count": {1, json.RawMessage("1")}}}
				c := &counter{}
				k, _ := keep(t, &home{data: encoded(t, &d)}, c, func(o *Options) { o.Tolerance, o.Period = test.tolerance, test.period })
				if s := c.restored[0]; s.IsRecent != test.recent || s.IsSamePeriod != test.same || s.Gap() != max(0, test.gap) {
					t.Errorf("%+v", s)
				}
				must(t, k.Close(ctx))
			})
		})
	}
}

// What can't be restored is kept, and the monitor starts all the same.
func TestKeeperSetsAside(t *testing.T) {
	document := func(change func(*Document)) []byte {
		d := Document{Monitor: "shop", Period: time.Minute, PeriodEnd: time.Now(), Sections: map[string]Section{"count": {1, json.RawMessage("3")}}}
		change(&d)
		return encoded(t, &d)
	}
	good := document(func(*Document) {})
	tests := []struct {
		name string
		data []byte
		part counter
		want string
	}{
		{"empty", []byte{}, counter{}, "not a state"},
		{"cut", good[:len(good)/2], counter{}, "corrupt"},
		{"changed", bytes.Replace(good, []byte(":3"), []byte(":4"), 1), counter{}, "checksum"},
		{"newer", bytes.Replace(good, []byte("state 1"), []byte("state 2"), 1), counter{}, "newer version"},
		{"a newer section", document(func(d *Document) { d.Sections["count"] = Section{2, json.RawMessage("3")} }), counter{}, `section "count" has version 2`},
		{"another monitor's", document(func(d *Document) { d.Monitor = "bank" }), counter{}, `monitor "bank", and this one is "shop"`},
		{"a section that is none", document(func(d *Document) { d.Sections["count"] = Section{1, json.RawMessage(`"x"`)} }), counter{}, `section "count" starts with nothing`},
		{"a section that is refused", good, counter{refuses: errors.New("no")}, `section "count" starts with nothing: no`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &home{data: test.data}
				k, errs := keep(t, h, &test.part)
				if len(*errs) != 1 || !strings.Contains((*errs)[0], test.want) || !strings.Contains((*errs)[0], "kept in aside") {
					t.Errorf("errors: %q, want one with %q", *errs, test.want)
				}
				if test.part.n != 0 {
					t.Errorf("restored: %d", test.part.n)
				}
				if !slices.Equal(h.aside, []string{string(test.data)}) || k.Status().SetAside != "aside" {
					t.Errorf("set aside: %d, status %+v", len(h.aside), k.Status())
				}
				k.Save(time.Now())
				must(t, k.Close(ctx))
				if len(h.saves) != 1 || len(*errs) != 1 {
					t.Errorf("%d saves after that, errors %q", len(h.saves), *errs)
				}
			})
		})
	}
}

// A section of which this program knows nothing is no fault: an older program had one more part.
func TestKeeperLeavesOutUnknownSections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := Document{Monitor: "shop", Period: time.Minute, PeriodEnd: time.Now(), Sections: map[string]Section{"other": {9, json.RawMessage("3")}}}
		k, errs := keep(t, &home{data: encoded(t, &d)}, &counter{})
		must(t, k.Close(ctx))
		if len(*errs) > 0 {
			t.Errorf("errors: %q", *errs)
		}
	})
}

// A home that is away at the start may hold something, which nothing may be written over.
func TestKeeperOfAHomeThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &home{data: []byte("precious"), loadErr: errors.New("away")}
		c := &counter{n: 1}
		k, errs := keep(t, h, c)
		k.Save(time.Now())
		must(t, k.Wait(ctx))
		if len(h.saves) > 0 || len(*errs) != 2 || k.Status().FailingSince.IsZero() || !strings.Contains(k.Status().LastError, "away") {
			t.Errorf("%d saves, errors %q, status %+v", len(h.saves), *errs, k.Status())
		}
		h.loadErr, h.asideErr = nil, errors.New("not yet")
		k.Save(time.Now())
		must(t, k.Wait(ctx))
		if len(h.saves) > 0 {
			t.Error("it was written over what could not be set aside")
		}
		h.asideErr = nil
		k.Save(time.Now())
		must(t, k.Wait(ctx))
		if len(h.saves) != 1 || !slices.Equal(h.aside, []string{"precious"}) || !k.Status().FailingSince.IsZero() {
			t.Errorf("%d saves, set aside %q, status %+v", len(h.saves), h.aside, k.Status())
		}
		must(t, k.Close(ctx))
	})
}

// The second process says so, does not write, and has the home as soon as the first one has ended.
func TestKeeperOfAHomeInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first, second := &counter{n: 1}, &counter{n: 2}
	k1, errs1 := keep(t, File(path), first)
	k1.Save(time.Now())
	must(t, k1.Wait(ctx))
	k2, errs2 := keep(t, File(path), second)
	k2.Save(time.Now())
	must(t, k2.Wait(ctx))
	if second.n != 2 || len(*errs2) != 1 || !strings.Contains((*errs2)[0], path+": another process uses it") {
		t.Errorf("the second one has %d, errors %q", second.n, *errs2)
	}
	must(t, k1.Close(ctx))
	k2.Save(time.Now())
	must(t, k2.Close(ctx))
	if len(*errs1) > 0 || len(*errs2) != 1 || !k2.Status().FailingSince.IsZero() {
		t.Errorf("errors %q %q, status %+v", *errs1, *errs2, k2.Status())
	}
	third := &counter{}
	k3, _ := keep(t, File(path), third)
	must(t, k3.Close(ctx))
	if third.n != 2 {
		t.Errorf("the file holds %d, want what the second one wrote at last", third.n)
	}
	if names := filesIn(t, filepath.Dir(path)); names != "state state.lock" {
		t.Errorf("files: %s", names)
	}
}

func TestKeeperWritesTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &home{slow: 10 * time.Second}
		c := &counter{}
		k, errs := keep(t, h, c)
		for range 100 {
			c.n++
			began := time.Now()
			k.Save(began)
			if d := time.Since(began); d > 0 {
				t.Fatalf("a period waited for %s", d)
			}
			time.Sleep(time.Second)
		}
		must(t, k.Wait(ctx))
		if n := len(h.saves); n < 10 || n > 12 || !bytes.Contains(h.data, []byte(`"data":100}`)) || len(*errs) > 0 {
			t.Errorf("%d saves, the last one %q, errors %q", n, h.data, *errs)
		}
		must(t, k.Close(ctx))
	})
}

func TestKeeperWarnsOnceAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &home{saveErr: errors.New("disk full")}
		k, errs := keep(t, h, &counter{n: 1})
		failing := time.Now()
		for range 3 {
			k.Save(time.Now())
			must(t, k.Wait(ctx))
			time.Sleep(time.Minute)
		}
		if len(*errs) != 3 || !strings.Contains((*errs)[0], "state is not written") || !strings.Contains((*errs)[0], "disk full") || !k.Status().FailingSince.Equal(failing) {
			t.Errorf("errors %q, status %+v", *errs, k.Status())
		}
		must(t, k.Close(ctx))
	})
}

func TestKeeperSavesOnePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b := &home{}, &counter{n: 1}, &counter{n: 1}
		k, _ := keep(t, h, a, func(o *Options) { o.Parts = append(o.Parts, b.part("other")) })
		k.SavePart("other") // nothing is known of the others yet
		must(t, k.Wait(ctx))
		if len(h.saves) > 0 {
			t.Errorf("%q was written before the first period", h.data)
		}
		k.Save(time.Now())
		must(t, k.Wait(ctx))
		a.n, b.n = 5, 5
		k.SavePart("other")
		must(t, k.Close(ctx))
		if !bytes.Contains(h.data, []byte(`"count":{"version":1,"data":1}`)) || !bytes.Contains(h.data, []byte(`"other":{"version":1,"data":5}`)) {
			t.Errorf("%q was written", h.data)
		}
	})
}

// long is data that can do with less.
type long struct{ Text string }

func (l *long) Shorten() any { return &long{l.Text[:min(len(l.Text), 10)]} }

func TestKeeperIsBounded(t *testing.T) {
	for name, shortens := range map[string]bool{"shortened": true, "given up": false} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat("x", 2000)
			var v any = &long{text}
			if !shortens {
				v = text
			}
			h := &home{}
			k, errs := keep(t, h, &counter{}, func(o *Options) {
				o.maxBytes = 1000
				o.Parts = []Part{{Name: "long", Version: 1, Snapshot: func() any { return v }, Restore: func(Saved) error { return nil }}}
			})
			k.Save(time.Now())
			must(t, k.Close(ctx))
			if shortens && (len(h.saves) != 1 || len(h.data) > 1000) || !shortens && (len(h.saves) > 0 || len(*errs) != 1) {
				t.Errorf("%d saves of %d bytes, errors %.200q", len(h.saves), len(h.data), *errs)
			}
		})
	}
}

// Close honours its context, though a home hangs.
func TestKeeperCloseHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := keep(t, &home{slow: time.Hour}, &counter{n: 1})
		k.Save(time.Now())
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		began := time.Now()
		if err := k.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait() // goleak: the goroutine has ended
	})
}

func TestNoKeeper(t *testing.T) {
	k := NewKeeper(ctx, Options{})
	k.Save(time.Now())
	k.SavePart("x")
	must(t, k.Wait(ctx))
	must(t, k.Close(ctx))
	if k != nil || k.Status() != (Status{}) {
		t.Error("a keeper without a home")
	}
}

// A file that was cut by a crash in the middle of writing it can't be: the old one is there until the
// new one is whole. So whatever is in the temporary file, the last whole state is restored.
func TestKeeperAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	k, _ := keep(t, File(path), &counter{n: 4})
	k.Save(time.Now())
	must(t, k.Close(ctx))
	must(t, os.WriteFile(path+".new", []byte(fmt.Sprintf("%s 1 100 ", magic)), 0o600))
	c := &counter{}
	k, errs := keep(t, File(path), c)
	k.Save(time.Now())
	must(t, k.Close(ctx))
	if c.n != 4 || len(*errs) > 0 {
		t.Errorf("restored %d, errors %q", c.n, *errs)
	}
}
