package baseline

// tally is a distribution of a few calls: buckets of times, each with a number of calls.
type tally []tallied

// tallied is a bucket in the upper bits and its number of calls in the lower ones. More calls
// than fit stay as many as fit.
type tallied uint32

const (
	callBits  = 23
	mostCalls = 1<<callBits - 1
)

func (t tallied) bucket() int   { return int(t >> callBits) }
func (t tallied) calls() uint64 { return uint64(t & mostCalls) }

// add adds a number of calls to a bucket.
func (t *tally) add(bucket int, n uint64) {
	for i, x := range *t {
		if x.bucket() == bucket {
			(*t)[i] = x&^mostCalls | tallied(min(x.calls()+n, mostCalls))
			return
		}
	}
	*t = append(*t, tallied(bucket)<<callBits|tallied(min(n, mostCalls)))
}

// sketch returns the same as a sketch.
func (t tally) sketch() (s sketch) {
	for _, x := range t {
		s.add(x.bucket(), float64(x.calls()))
	}
	return s
}
