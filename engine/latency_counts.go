package engine

// latencyScale sets the width of the buckets of [Summary.LatencyCounts]: 2^latencyScale for
// every doubling, which is as fine as a picture of them needs.
const latencyScale = 2

// CountLatencies says that summaries carry [Summary.LatencyCounts] from now on. It is for whoever
// draws them, and safe for concurrent use.
func (w *Windows) CountLatencies() { w.countsLatencies.Store(true) }

// CountLatencies says that summaries carry [Summary.LatencyCounts] from now on.
func (e *Engine) CountLatencies() {
	if e.windows != nil {
		e.windows.CountLatencies()
	}
}

// CountLatencies says that summaries carry [Summary.LatencyCounts] from now on. Unlike the other
// methods it is safe for concurrent use.
func (t *Timeline) CountLatencies() { t.windows.CountLatencies() }

// latencyCounts returns h in wide buckets, each with a duration in its middle.
func (h *Histogram) latencyCounts() []TimeCount {
	const width = subBuckets >> latencyScale
	var counts []TimeCount
	if h.zero > 0 {
		counts = append(counts, TimeCount{Duration: zeroThreshold, Count: h.zero})
	}
	last := -1
	h.each(func(bucket int, n uint64) {
		if wide := bucket / width; wide != last {
			last = wide
			middle := wide*width + width/2
			counts = append(counts, TimeCount{Duration: middleOf(middle/subBuckets, middle%subBuckets)})
		}
		counts[len(counts)-1].Count += n
	})
	return counts
}
