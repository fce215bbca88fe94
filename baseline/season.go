package baseline

import "time"

// season is the level of a part at each hour of the day, in UTC: the third quartile of its times, in
// 64ths of a bucket; 0: not known. It is what makes every day's busy hour usual from the second
// day on. It only ever widens what is usual.
type season [24]uint16

const (
	seasonUnit = 64
	// A batch of calls moves an hour's level by one in seasonSpeed of the difference.
	seasonSpeed = 16
	// seasonCalls is the least number of calls of a batch that says something about the level.
	seasonCalls = 5
	// mostWider bounds by how much times may be longer at a busy hour.
	mostWider = 4.0
	// hourEdge is how near to the end or the beginning of an hour its neighbour counts, too.
	hourEdge = 10 * time.Minute
)

// learn takes the level of a batch of healthy calls.
func (s *season) learn(at time.Time, batch *sketch) {
	if batch.total < seasonCalls {
		return
	}
	hour := &s[at.UTC().Hour()]
	level := placeOf(batch.quantile(0.75)) * seasonUnit
	if *hour == 0 {
		*hour = uint16(max(level, 1))
		return
	}
	*hour = uint16(max(float64(*hour)+(level-float64(*hour))/seasonSpeed, 1))
}

// wider returns how many times longer than what is usual now, at the given third quartile, calls
// take at this hour of the day; 1 if they don't.
func (s *season) wider(now time.Time, quartile time.Duration) float64 {
	level := max(s[now.Add(-hourEdge).UTC().Hour()], s[now.UTC().Hour()], s[now.Add(hourEdge).UTC().Hour()])
	if level == 0 || quartile <= 0 {
		return 1
	}
	return max(1, min(mostWider, float64(timeAt(float64(level)/seasonUnit))/float64(quartile)))
}
