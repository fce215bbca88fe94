package engine

import "time"

// PartKind says which part of a call's time a [Part] is.
type PartKind uint8

const (
	// PartSelf is the own time of a call: its time minus the union of its children's times.
	PartSelf PartKind = iota
	// PartEdge is the time of a client's call minus that of the server's call which answered it:
	// the network and the wait.
	PartEdge
	// PartRemote is the time of a client's call that no known server's call answered: a database, or
	// somebody else's service. It is the whole time, without that of the calls within it.
	PartRemote
)

// Part names a part of the calls of an operation, whose time nothing else explains.
type Part struct {
	OperationKey              // whose calls they are; the client's for an edge
	Kind         PartKind     // zero: PartSelf
	Peer         OperationKey // the server's operation for an edge; zero for others
}

// TimeCount is a number of calls that took about the same time.
type TimeCount struct {
	Duration time.Duration // the middle of what they took
	Count    uint64
}

// PartCounts is what one part did in a [Slice].
type PartCounts struct {
	Part Part
	// Calls counts all calls but ignored and late ones, Failures those that failed.
	Calls, Failures uint64
	// Times counts calls by the time of the part, the shortest first, whether they succeeded or not.
	// Calls whose time does not count are left out. Where there are very many calls, only some of
	// them are taken apart, of each operation at least 32 in a slice. So the counts add up to Calls at
	// most.
	Times []TimeCount
	// Slowest is the call whose part took longest, Failed one that failed, of those that can be looked
	// up, sampled ones first; nil if there is none. Where there are many calls, Slowest is one of some
	// of them.
	Slowest, Failed *Exemplar
}

// Slice is a few seconds of a period, by the parts of its calls. Slices are short so that what
// has changed is known long before the period ends. They follow each other without gaps, as long as
// periods do, and the last one of a period ends with it. Each call that a period counts is in one
// slice, but for those that come to a [Timeline] later than [TimelineConfig.Settle].
//
// A Timeline knows the calls of all services. A live [Engine] knows those of its own process: there
// a client's call is [PartRemote] always.
type Slice struct {
	Start, End time.Time
	Parts      []PartCounts // in no particular order
}
