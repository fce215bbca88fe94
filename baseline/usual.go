package baseline

import "github.com/blurooo/go-monitor/v2/engine"

// Usual returns what is usual for a part; false if not enough is known to judge by it.
func (d *Detector) Usual(p engine.Part) (Usual, bool) {
	known := d.parts[d.keyOf(p)]
	if known == nil || !d.isJudged(known) {
		return Usual{}, false
	}
	return d.usual(known), true
}

// HasBaseline reports whether enough is known of an operation to judge how long its calls take by
// what is usual: for a client's what is behind it, for others their own time.
func (d *Detector) HasBaseline(op engine.OperationKey) bool {
	if _, ok := d.Usual(engine.Part{OperationKey: op}); ok {
		return true
	}
	_, ok := d.Usual(engine.Part{OperationKey: op, Kind: engine.PartRemote})
	return ok
}

func (d *Detector) usual(p *part) Usual {
	u := Usual{
		P50: p.times.quantile(0.5), P99: p.times.quantile(0.99),
		High:         p.bounds.rare,
		FailureRatio: d.failureRatio(p),
		Calls:        max(p.times.total, p.calls),
	}
	if p.calls > 0 {
		u.FailureRatio = p.failures / p.calls
	}
	return u
}
