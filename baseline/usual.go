package baseline

import (
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// Usual returns what is usual for a part; false if that is not known well enough to judge by it.
func (d *Detector) Usual(part engine.Part) (Usual, bool) {
	p := d.parts[d.keyOf(part)]
	if p == nil || !d.isJudged(p) {
		return Usual{}, false
	}
	return d.usual(p), true
}

// HasBaseline reports whether it is known how long an operation's calls usually take themselves.
func (d *Detector) HasBaseline(op engine.OperationKey) bool {
	_, ok := d.Usual(engine.Part{OperationKey: op})
	return ok
}

func (d *Detector) usual(p *part) Usual {
	u := Usual{P50: p.times.quantile(0.5), P99: p.times.quantile(0.99), Calls: p.times.total}
	if p.calls > 0 {
		u.FailureRatio = p.failures / p.calls
	}
	u.High = d.high(p)
	return u
}

// high returns the time beyond which a call of the part counts as worse.
func (d *Detector) high(p *part) time.Duration {
	return time.Duration(d.config.Factor*float64(p.times.quantile(0.95))) + d.config.Floor
}
