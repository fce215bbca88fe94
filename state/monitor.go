package state

import (
	"slices"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/internal/exact"
)

// Alerts is the part that a judge remembers: streaks, phases, alerts that fire, burn rates and the usual
// traffic. The judge belongs to whoever calls [Keeper.Save].
func Alerts(j *alert.Judge) Part {
	return Part{
		Name:     "alerts",
		Version:  alert.SnapshotVersion,
		Snapshot: func() any { return j.Snapshot() },
		Restore: func(saved Saved) error {
			s := new(alert.Snapshot)
			if err := saved.Into(s); err != nil {
				return err
			}
			return j.Restore(s, alert.Gap{From: saved.At, To: saved.Now, IsLong: !saved.IsRecent, IsOtherPeriod: !saved.IsSamePeriod})
		},
	}
}

// Silences is the part that a silencer remembers: silences that were set at run time, and alerts that
// nobody has heard of. It belongs to whoever calls [Keeper.Save].
func Silences(s *alert.Silencer) Part {
	return Part{
		Name:     "silences",
		Version:  1,
		Snapshot: func() any { return s.Snapshot() },
		Restore: func(saved Saved) error {
			var state alert.SilencerState
			if err := saved.Into(&state); err != nil {
				return err
			}
			return s.Restore(state)
		},
	}
}

// Deliveries is the name of the part that [Delivery] returns.
const Deliveries = "deliveries"

// Ledgers are what notifiers have heard and are owed, by notifier.
type Ledgers map[string]delivery.Ledger

// Shorten returns a copy whose alerts have only their last evidence.
func (l Ledgers) Shorten() any {
	short := make(Ledgers, len(l))
	for name, ledger := range l {
		ledger.Owed = slices.Clone(ledger.Owed)
		for i := range ledger.Owed {
			a := &ledger.Owed[i]
			a.Evidence = a.Evidence[max(0, len(a.Evidence)-1):]
		}
		short[name] = ledger
	}
	return short
}

// Delivery is the part that holds what notifiers have heard, and what they must still hear. What was
// saved is put into restored, for [delivery.Options]. now returns the ledgers as they are, and is safe for
// concurrent use.
func Delivery(now func() map[string]delivery.Ledger, restored *Ledgers) Part {
	return Part{
		Name:     Deliveries,
		Version:  1,
		Snapshot: func() any { return Ledgers(now()) },
		Restore:  func(saved Saved) error { return saved.Into(restored) },
	}
}

// Operations is the part that holds the operations whose silence counts, which the last period brought
// ([engine.Period.Known]). They belong to whoever calls [Keeper.Save], and are forgotten after a
// long gap.
func Operations(known *[]engine.KnownOperation) Part {
	return Part{
		Name:    "operations",
		Version: 1,
		Snapshot: func() any {
			if len(*known) == 0 {
				return nil
			}
			return operationsOf(*known)
		},
		Restore: func(saved Saved) error {
			var s operations
			if err := saved.Into(&s); err != nil {
				return err
			}
			if saved.IsRecent {
				*known = s.known()
			}
			return nil
		},
	}
}

// operations are known operations as they are saved.
type operations []operation

type operation struct {
	Service   exact.Text      `json:"service"`
	SpanKind  engine.SpanKind `json:"span_kind"`
	Name      exact.Text      `json:"operation"`
	Idle      int             `json:"idle_periods,omitzero"`
	IsDivided bool            `json:"divided,omitzero"`
}

func operationsOf(known []engine.KnownOperation) operations {
	list := make(operations, len(known))
	for i, k := range known {
		list[i] = operation{exact.Text(k.Service), k.SpanKind, exact.Text(k.Name), k.Idle, k.IsDivided}
	}
	return list
}

func (o operations) known() []engine.KnownOperation {
	list := make([]engine.KnownOperation, len(o))
	for i, k := range o {
		list[i] = engine.KnownOperation{
			OperationKey: engine.OperationKey{Service: string(k.Service), SpanKind: k.SpanKind, Name: string(k.Name)},
			Idle:         k.Idle, IsDivided: k.IsDivided,
		}
	}
	return list
}
