package alert

import "time"

// Stop says which process ends, and when.
type Stop struct {
	// Process names it: "shop-7f9:4711".
	Process string
	// At is the end of its last period.
	At time.Time
	// Grace is how long a period waits for late calls before it is judged.
	Grace time.Duration
}

// restartTime is the time that a program gets to be there again.
const restartTime = 2 * time.Minute

// Interrupt returns the last word of a process that ends while alerts fire and leaves no state behind:
// one [Interrupted] alert for each, in the order of [Sort]. Whoever comes after it does not know of
// them, and may fire anew. The judge must get no period after that.
func (j *Judge) Interrupt(s Stop) []Alert {
	var alerts []Alert
	for key, m := range j.machines {
		if !m.isOpen() {
			continue
		}
		a := m.current(key.objective, s.At)
		a.State, a.Process = Interrupted, s.Process
		a.ExpiresAt = s.At.Add(restartTime + m.timeToFire(key.objective) + s.Grace)
		alerts = append(alerts, a)
	}
	Sort(alerts)
	return alerts
}

// timeToFire returns the time that it takes a new process at most to fire again, if everything stays as bad
// as it was: the rest of a period, and as many periods as it takes.
func (m *machine) timeToFire(k ObjectiveKind) time.Duration {
	last := &m.lastBad.periods[len(m.lastBad.periods)-1]
	period := last.End.Sub(last.Start)
	for i := range m.lastBad.periods { // the last one may have been cut short
		s := &m.lastBad.periods[i]
		period = max(period, s.End.Sub(s.Start))
	}
	each := max(m.lastBad.count, 1) // periods for a verdict, if there are few calls
	d := time.Duration(1+each*max(m.objective.AlertAfter, 1)) * period
	d = max(d, period+m.objective.AlertFor)
	switch {
	case k == BurnRate: // the windows have to fill
		d += slowShort
	case k == Traffic && m.objective.MinTrafficRatio > 0: // what is usual has to be learned
		d += typicalPeriods * period
	case k == Stuck:
		d += m.objective.StuckAfter
	}
	return d
}

// InterruptedCount returns the number of alerts that are interrupted.
func InterruptedCount(alerts []Alert) int {
	n := 0
	for i := range alerts {
		if alerts[i].State == Interrupted {
			n++
		}
	}
	return n
}
