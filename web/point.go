package web

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

// point is what one operation did in one slot of a tier: a period, or several merged. It holds
// what is drawn, in little memory.
type point struct {
	slot                         uint32 // the number of its slot
	success, failure, cancelled  uint32
	inFlight                     uint32
	p50, p95, p99                float32 // seconds
	own                          float32 // the median of the own times, in seconds; 0: not known
	within, timed, slowCancelled uint32
	state                        state
	bad                          uint16 // a bit for each kind of objective that was missed
	latencies                    string // see packLatencies
	codes                        []engine.CodeCount
}

// maxPointCodes is the number of failure codes that a point tells apart.
const maxPointCodes = 5

// pointOf returns the point of a summary.
func pointOf(s *engine.Summary, slot uint32, st state) point {
	p := point{
		slot:          slot,
		success:       narrow(s.Success),
		failure:       narrow(s.Failure),
		cancelled:     narrow(s.Cancelled),
		inFlight:      narrow(s.InFlight),
		within:        narrow(s.WithinTarget),
		timed:         narrow(s.Timed()),
		slowCancelled: narrow(s.SlowCancelled),
		p50:           float32(s.Latency.P50.Seconds()),
		p95:           float32(s.Latency.P95.Seconds()),
		p99:           float32(s.Latency.P99.Seconds()),
		own:           float32(s.OwnTime.P50.Seconds()),
		state:         st,
		latencies:     packLatencies(s.LatencyCounts),
	}
	for _, k := range alert.ObjectiveKindsOf(s.Objective) {
		if alert.VerdictOf(s, k) == engine.VerdictBad {
			p.bad |= 1 << k
		}
	}
	if n := min(len(s.Failures), maxPointCodes); n > 0 {
		p.codes = slices.Clone(s.Failures[:n])
	}
	return p
}

// merge adds what the operation did in another period of the slot.
func (p *point) merge(o point) {
	p.success, p.failure, p.cancelled = plus(p.success, o.success), plus(p.failure, o.failure), plus(p.cancelled, o.cancelled)
	p.within, p.timed, p.slowCancelled = plus(p.within, o.within), plus(p.timed, o.timed), plus(p.slowCancelled, o.slowCancelled)
	p.inFlight, p.state, p.own = o.inFlight, min(p.state, o.state), max(p.own, o.own)
	p.bad |= o.bad
	switch {
	case p.latencies == "" && o.latencies == "": // nothing but the percentiles is known
		p.p50, p.p95, p.p99 = max(p.p50, o.p50), max(p.p95, o.p95), max(p.p99, o.p99)
	case o.latencies != "":
		counts := mergeLatencies(unpackLatencies(p.latencies), unpackLatencies(o.latencies))
		p.latencies = packBuckets(counts)
		p.p50, p.p95, p.p99 = quantile(counts, 0.50), quantile(counts, 0.95), quantile(counts, 0.99)
	}
	for _, c := range o.codes {
		if i := slices.IndexFunc(p.codes, func(k engine.CodeCount) bool { return k.Code == c.Code && k.Name == c.Name }); i >= 0 {
			p.codes[i].Count += c.Count
		} else if len(p.codes) < maxPointCodes {
			p.codes = append(p.codes, c)
		}
	}
}

func narrow(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

func plus(a, b uint32) uint32 { return narrow(uint64(a) + uint64(b)) }

// bucketCount is a number of calls in a latency bucket: bucket i holds what took from 2^(i/4)
// to 2^((i+1)/4) seconds.
type bucketCount struct {
	bucket int
	count  uint64
}

// bucketsPerDoubling is the number of latency buckets for every doubling.
const bucketsPerDoubling = 4

// bucketOf returns the bucket in whose middle d lies.
func bucketOf(d time.Duration) int {
	return int(math.Floor(math.Log2(max(d, 1).Seconds()) * bucketsPerDoubling))
}

// packLatencies writes counts, ascending, in few bytes.
func packLatencies(counts []engine.TimeCount) string {
	if len(counts) == 0 {
		return ""
	}
	list := make([]bucketCount, 0, len(counts))
	for _, c := range counts {
		list = append(list, bucketCount{bucketOf(c.Duration), c.Count})
	}
	return packBuckets(list)
}

func packBuckets(list []bucketCount) string {
	var b []byte
	last := 0
	for _, c := range list {
		b = binary.AppendVarint(b, int64(c.bucket-last))
		b = binary.AppendUvarint(b, c.count)
		last = c.bucket
	}
	return string(b)
}

// unpackLatencies reads what packLatencies wrote.
func unpackLatencies(s string) []bucketCount {
	if s == "" {
		return nil
	}
	r := strings.NewReader(s)
	var list []bucketCount
	last := 0
	for r.Len() > 0 {
		step, err := binary.ReadVarint(r)
		if err != nil {
			break
		}
		n, err := binary.ReadUvarint(r)
		if err != nil {
			break
		}
		last += int(step)
		list = append(list, bucketCount{last, n})
	}
	return list
}

// mergeLatencies adds up two lists, both ascending.
func mergeLatencies(a, b []bucketCount) []bucketCount {
	sum := make([]bucketCount, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].bucket < b[0].bucket:
			sum, a = append(sum, a[0]), a[1:]
		case len(a) == 0 || b[0].bucket < a[0].bucket:
			sum, b = append(sum, b[0]), b[1:]
		default:
			sum = append(sum, bucketCount{a[0].bucket, a[0].count + b[0].count})
			a, b = a[1:], b[1:]
		}
	}
	return sum
}

// quantile returns the middle of the bucket that holds a quantile, in seconds.
func quantile(list []bucketCount, q float64) float32 {
	var whole uint64
	for _, c := range list {
		whole += c.count
	}
	rank, seen := uint64(math.Ceil(q*float64(whole))), uint64(0)
	for _, c := range list {
		if seen += c.count; seen >= rank {
			return float32(math.Exp2((float64(c.bucket) + 0.5) / bucketsPerDoubling))
		}
	}
	return 0
}
