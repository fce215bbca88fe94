package engine

import "time"

// Period is everything that one closed period brought: the summary of each
// operation that was called in it, and what became of the reports.
//
// The engine fills it in, all but what its summaries leave to the judge, and
// UndeliveredPeriods and UndeliveredNotifications, which are for the delivery. They get it by
// its address, one after the other. A [Sink] gets it by value, when it is complete: nobody
// changes it then.
type Period struct {
	Monitor string    `json:"monitor"`
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	// Partial says that the period was cut short: it is delivered and not judged.
	Partial bool `json:"partial,omitempty"`
	// Final says that the monitor was shut down in the period, so that no other one follows.
	Final bool `json:"final,omitempty"`
	// Missed is the number of period ends that passed unseen because the process
	// stood still; their time is part of this period. It is 0 in a healthy process.
	Missed int `json:"missed,omitempty"`
	// Summaries are ordered by service, operation and kind; that of
	// [OverflowName] comes last. Operations without a call in the period have none,
	// unless calls of theirs are in flight or their objective is about silence, too
	// ([Objective.MinTraffic], MinTrafficRatio, StuckAfter and SLO).
	Summaries []Summary `json:"summaries"`
	// Received is the number of reports made in the period: those that its
	// summaries count (Count, Ignored and Late) and those that were dropped.
	Received uint64 `json:"received"`
	// Dropped is the number of reports that the full queue, or the closed engine,
	// refused.
	Dropped uint64 `json:"dropped"`
	// Late is the number of reports of calls that had ended in an earlier period, which was
	// closed already: the sum of the Late of its summaries. They say nothing about this period, so
	// they are no part of Count. Early is the number of reports of calls which, by their own clock,
	// ended in a period that had not begun; they are counted in this one. Both are 0 unless calls
	// are counted by the time of their end ([Timeline]).
	Late  uint64 `json:"late,omitzero"`
	Early uint64 `json:"early,omitzero"`
	// Overflowed is the number of reports that were counted under
	// [OverflowName] because there were too many operations.
	Overflowed uint64 `json:"overflowed"`
	// InFlight is the number of calls that had begun and not ended at the end of the
	// period, if they are tracked. Untracked is the number of calls that began in it and
	// for which there was no room to track them, Abandoned that of calls which are no
	// longer tracked because they were in flight for too long.
	InFlight  uint64 `json:"in_flight,omitzero"`
	Untracked uint64 `json:"untracked,omitzero"`
	Abandoned uint64 `json:"abandoned,omitzero"`
	// UndeliveredPeriods and UndeliveredNotifications are the numbers of those that sinks
	// and notifiers did not take since the period before was closed: they were too slow, or
	// failed at every attempt.
	UndeliveredPeriods       uint64 `json:"undelivered_periods,omitzero"`
	UndeliveredNotifications uint64 `json:"undelivered_notifications,omitzero"`
	// SampledRatio is the share of the traces, 0..1, that a sampler seems to let through
	// to the monitor, so that the rest is never judged; 0 if there is no sign of a sampler.
	SampledRatio float64 `json:"sampled_ratio,omitzero"`
	// Evicted are the operations that gave up their place at the end of this period
	// because they were idle. It is not part of the JSON form.
	Evicted []OperationKey `json:"-"`
	// Known are the operations whose silence counts from now on, as after calls under an objective
	// about silence. An engine that is told of them ([Restored]) goes on where this one was.
	// It is not part of the JSON form.
	Known []KnownOperation `json:"-"`
	// IdlePeriods is [Config.IdlePeriods].
	IdlePeriods int `json:"-"`
}
