package engine

import (
	"math"
	"slices"
	"sort"
	"time"
)

// OwnTime describes what calls took by themselves: their time minus that of the calls made within
// them, and a client's minus that of the server which answered it. It is of the successes whose own
// time is known. All are 0 where that is not measured, and where no call was made within another:
// then the own time is the latency. It lies within 3 % of the exact one, from 1µs to 1h. In JSON
// durations are nanoseconds.
type OwnTime struct {
	Count uint64        `json:"count"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
}

// timeBucket is what own times are counted by: a quarter of the precision of a [Histogram], so
// that they take little memory. Bucket 0 holds what is too short to be told apart. The others hold
// a sixteenth of an octave each, so their middles are at most 2.2 % away from any duration in
// them.
type timeBucket uint16

const (
	ownSubBuckets = subBuckets / 4
	// timeBuckets is the number of buckets.
	timeBuckets = 1 + octaves*ownSubBuckets
)

// timeBucketOf returns the bucket of a duration.
func timeBucketOf(d time.Duration) timeBucket {
	if d <= zeroThreshold {
		return 0
	}
	octave, sub := bucketOf(d)
	return timeBucket(1 + octave*ownSubBuckets + int(sub)/4)
}

// middles are the durations that stand for the buckets: the harmonic means of their bounds.
var middles = func() (m [timeBuckets]time.Duration) {
	m[0] = zeroThreshold / 2
	for b := 1; b < timeBuckets; b++ {
		octave, sub := (b-1)/ownSubBuckets, (b-1)%ownSubBuckets
		low := math.Exp2(float64(sub) / ownSubBuckets)
		high := math.Exp2(float64(sub+1) / ownSubBuckets)
		m[b] = time.Duration(math.Ldexp(2*low*high/(low+high), octave+lowOctave) * float64(time.Second))
	}
	return m
}()

// middle returns the duration that stands for the bucket.
func (b timeBucket) middle() time.Duration { return middles[b] }

// less is how many buckets the own time of a call lies below its whole time.
type less uint16

// lessUnknown stands for a call whose own time is not known.
const lessUnknown less = 1<<10 - 1

// lessOf returns how much shorter the own time of a call is, of which its children took covered;
// a negative one: not known.
func lessOf(d, covered time.Duration) less {
	if covered == 0 {
		return 0
	}
	return lessOfCovered(d, covered)
}

//go:noinline
func lessOfCovered(d, covered time.Duration) less {
	if covered < 0 || !isTimed(d) {
		return lessUnknown
	}
	return less(timeBucketOf(d) - timeBucketOf(max(0, d-covered)))
}

// own returns the bucket of the own time of a call. ok is false if that is not known.
func (l less) own(d time.Duration) (b timeBucket, ok bool) {
	if l == lessUnknown || !isTimed(d) {
		return 0, false
	}
	return timeBucketOf(d) - timeBucket(l), true
}

// bucketCount is a bucket and, in its lower bits, how many calls it holds.
type bucketCount uint64

const (
	bucketShift  = 48
	mostInBucket = 1<<bucketShift - 1
)

func (c bucketCount) bucket() timeBucket { return timeBucket(c >> bucketShift) }
func (c bucketCount) count() uint64      { return uint64(c & mostInBucket) }

func countIn(b timeBucket, n uint64) bucketCount {
	return bucketCount(b)<<bucketShift | bucketCount(min(n, mostInBucket))
}

// bucketCounts are those buckets that are not empty, in their order: they are few.
type bucketCounts []bucketCount

// add adds others, which are in their order, too.
func (b *bucketCounts) add(more []bucketCount) {
	if len(*b) == 0 {
		*b = append((*b)[:0], more...)
		return
	}
	for _, c := range more {
		i := sort.Search(len(*b), func(i int) bool { return (*b)[i].bucket() >= c.bucket() })
		if i < len(*b) && (*b)[i].bucket() == c.bucket() {
			(*b)[i] = countIn(c.bucket(), (*b)[i].count()+c.count())
		} else {
			*b = slices.Insert(*b, i, c)
		}
	}
}

// ownTimes counts the own times of one operation in one period. It is small rather than exact: of
// more than four million calls in a bucket it knows the share.
type ownTimes struct {
	calls  uint64
	sum    float64      // of the own times, in nanoseconds
	counts []shareCount // the buckets that are not empty, in their order
	shift  uint8        // counts are in units of 2^shift calls
}

// shareCount is a bucket and, in its lower bits, how many calls it holds.
type shareCount uint32

const (
	shareShift  = 22
	mostInShare = 1<<shareShift - 1
)

func (c shareCount) bucket() timeBucket { return timeBucket(c >> shareShift) }
func (c shareCount) count() uint64      { return uint64(c & mostInShare) }

// add adds calls.
func (o *ownTimes) add(more []bucketCount) {
	for _, c := range more {
		i := sort.Search(len(o.counts), func(i int) bool { return o.counts[i].bucket() >= c.bucket() })
		if i == len(o.counts) || o.counts[i].bucket() != c.bucket() {
			o.counts = slices.Insert(o.counts, i, shareCount(c.bucket())<<shareShift)
		}
		for o.counts[i].count()+c.count()>>o.shift > mostInShare {
			o.halve()
		}
		o.counts[i] += shareCount(c.count() >> o.shift)
		o.calls += c.count()
		o.sum += float64(c.bucket().middle()) * float64(c.count())
	}
}

// halve counts in larger units.
func (o *ownTimes) halve() {
	o.shift++
	for i, c := range o.counts {
		o.counts[i] = c&^mostInShare | shareCount(c.count()/2)
	}
}

// take returns what was counted, and begins anew.
func (o *ownTimes) take() (t OwnTime) {
	if o == nil || o.calls == 0 {
		return t
	}
	shares := uint64(0)
	for _, c := range o.counts {
		shares += c.count()
	}
	t = OwnTime{
		Count: o.calls, Mean: time.Duration(o.sum / float64(o.calls)),
		P50: o.quantile(0.5, shares), P99: o.quantile(0.99, shares),
	}
	*o = ownTimes{counts: o.counts[:0]}
	return t
}

// quantile returns the own time that the share q of n calls, which is all, does not exceed.
func (o *ownTimes) quantile(q float64, n uint64) time.Duration {
	rank, seen := max(uint64(math.Ceil(q*float64(n))), 1), uint64(0)
	for _, c := range o.counts {
		if seen += c.count(); seen >= rank {
			return c.bucket().middle()
		}
	}
	return o.counts[len(o.counts)-1].bucket().middle()
}

// bucketTally sorts durations into buckets. Its memory is for one operation after the other.
type bucketTally struct {
	counts    [timeBuckets]uint64
	low, high timeBucket // those that are not empty lie between, low included
}

func (t *bucketTally) add(b timeBucket, n uint64) {
	if t.low == t.high {
		t.low, t.high = b, b+1
	}
	t.low, t.high = min(t.low, b), max(t.high, b+1)
	t.counts[b] += n
}

// take appends the buckets that are not empty, in their order, and begins anew.
func (t *bucketTally) take(to []bucketCount) []bucketCount {
	for b := t.low; b < t.high; b++ {
		if n := t.counts[b]; n > 0 {
			to = append(to, countIn(b, n))
			t.counts[b] = 0
		}
	}
	t.low, t.high = 0, 0
	return to
}

// outcomeBuckets sorts the calls of one part into buckets: those that succeeded, and all.
type outcomeBuckets struct {
	good, others bucketTally
	counts       [2][]bucketCount
}

func (o *outcomeBuckets) add(outcome Outcome, b timeBucket, n uint64) {
	if outcome == OutcomeSuccess {
		o.good.add(b, n)
	} else {
		o.others.add(b, n)
	}
}

// take returns the calls that succeeded, and the others. It is ready for the next part then, and what
// it returned is valid until the next call.
func (o *outcomeBuckets) take() (good, others []bucketCount) {
	o.counts[0] = o.good.take(o.counts[0][:0])
	o.counts[1] = o.others.take(o.counts[1][:0])
	return o.counts[0], o.counts[1]
}

// timeCounts makes the [TimeCount] lists of a slice, which share their memory.
type timeCounts struct{ room []TimeCount }

// of returns two lists of counts as one list of TimeCounts.
func (t *timeCounts) of(good, others []bucketCount) []TimeCount {
	const roomAtOnce = 512
	if n := len(good) + len(others); cap(t.room)-len(t.room) < n {
		t.room = make([]TimeCount, 0, max(roomAtOnce, n))
	}
	first := len(t.room)
	for len(good) > 0 || len(others) > 0 {
		var c bucketCount
		switch {
		case len(others) == 0 || len(good) > 0 && good[0].bucket() < others[0].bucket():
			c, good = good[0], good[1:]
		case len(good) == 0 || others[0].bucket() < good[0].bucket():
			c, others = others[0], others[1:]
		default:
			c = countIn(good[0].bucket(), good[0].count()+others[0].count())
			good, others = good[1:], others[1:]
		}
		t.room = append(t.room, TimeCount{Duration: c.bucket().middle(), Count: c.count()})
	}
	return t.room[first:len(t.room):len(t.room)]
}
