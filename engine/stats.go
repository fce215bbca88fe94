package engine

// Stats says what became of all reports since the engine began.
type Stats struct {
	// Counted is the number of reports that periods, the current one included, count.
	Counted uint64
	// DroppedQueueFull and DroppedShutdown are the numbers of reports that were
	// dropped because the queue was full, and because the engine was shut down.
	DroppedQueueFull, DroppedShutdown uint64
}

// Received returns the number of reports that were made: each was either
// counted or dropped. While the queue holds reports, they are in neither.
func (s Stats) Received() uint64 { return s.Counted + s.Dropped() }

// Dropped returns the number of reports that were dropped.
func (s Stats) Dropped() uint64 { return s.DroppedQueueFull + s.DroppedShutdown }
