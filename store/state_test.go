package store

import (
	"errors"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/state"
)

func TestState(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		first, second := openStore(t, Config{DSN: dsn, Instance: "web-1"}), openStore(t, Config{DSN: dsn, Instance: "web-2"})
		s := first.State("shop\x00")
		if data, err := s.Load(ctx); data != nil || err != nil {
			t.Fatalf("a new home holds %q, %v", data, err)
		}
		if where, err := s.SetAside(ctx); where != "" || err != nil {
			t.Errorf("nothing was set aside at %q, %v", where, err)
		}
		for _, text := range []string{"one", "", "two \x00\xff"} {
			if err := s.Save(ctx, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if data, err := s.Load(ctx); err != nil || data == nil || string(data) != text {
				t.Fatalf("it holds %q, %v, want %q", data, err, text)
			}
		}
		other := second.State("shop\x00")
		if _, err := other.Load(ctx); !errors.Is(err, state.ErrInUse) {
			t.Errorf("a second one gets %v, want ErrInUse", err)
		}
		bank := second.State("bank")
		if data, err := bank.Load(ctx); data != nil || err != nil {
			t.Errorf("another monitor's home holds %q, %v", data, err)
		}
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if data, err := other.Load(ctx); err != nil || string(data) != "two \x00\xff" {
			t.Errorf("it holds %q, %v", data, err)
		}
		if where, err := other.SetAside(ctx); where == "" || err != nil {
			t.Errorf("set aside at %q, %v", where, err)
		}
		if data, err := other.Load(ctx); data != nil || err != nil {
			t.Errorf("what was set aside is there: %q, %v", data, err)
		}
		if n := number(t, first, "SELECT count(*) FROM state_rows"); n != 1 {
			t.Errorf("%d rows, want the one that was set aside", n)
		}
		for _, h := range []state.Store{other, bank} {
			if err := h.Close(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestStateOfAMonitor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		for i, want := range []int{0, 7} {
			s := openStore(t, Config{DSN: dsn})
			got := 0
			k := state.NewKeeper(t.Context(), state.Options{
				Store: s.State("shop"), Monitor: "shop", Period: time.Minute,
				Parts: []state.Part{{
					Name: "n", Version: 1, Snapshot: func() any { return 7 },
					Restore: func(saved state.Saved) error { return saved.Into(&got) },
				}},
				OnError: func(err error) { t.Error(err) },
			})
			k.Save(time.Now())
			if err := k.Close(t.Context()); err != nil || got != want {
				t.Errorf("round %d: restored %d, %v, want %d", i, got, err, want)
			}
		}
	})
}
