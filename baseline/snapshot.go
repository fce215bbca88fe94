package baseline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// A snapshot is a version, the number of parts, and each of them: what is usual, and what of it
// has changed. Numbers are varints, weights of times are in weightUnits.
const (
	snapshotVersion = 1
	weightUnits     = 16
	mostWeight      = 1e12
	// longestName bounds names in a snapshot; those of the engine are shorter.
	longestName = 1024
	// mostTallied bounds the buckets of a tally in a snapshot.
	mostTallied = bucketsAll
)

// Snapshot returns all that the detector has learned and what it reports as changed, in a form of its own for [Detector.Restore].
// Calls of the last minute or two that wait to be learned are left out.
func (d *Detector) Snapshot() []byte {
	keys := make([]engine.Part, 0, len(d.parts))
	for key := range d.parts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, comparePart)
	w := writer{snapshotVersion}
	w.uint(uint64(len(keys)))
	for _, key := range keys {
		w.key(key)
		w.part(d.parts[key], d.isJudged(d.parts[key]))
	}
	return w
}

// Restore puts what a snapshot holds in the place of what the detector has learned. If the snapshot is
// no good it returns an error, and the detector stays as it was.
func (d *Detector) Restore(snapshot []byte) error {
	r := reader{in: bytes.NewReader(snapshot)}
	if version := r.byte(); r.err == nil && version != snapshotVersion {
		return fmt.Errorf("baseline: a snapshot of version %d, want %d", version, snapshotVersion)
	}
	fresh := New(d.config)
	n := r.uint(uint64(r.in.Len()))
	for range n {
		key, p := r.key(), r.part()
		if r.err != nil {
			break
		}
		if len(fresh.parts) >= d.config.MaxParts {
			continue
		}
		fresh.parts[key] = p
		fresh.reach(key)
	}
	if r.err == nil && r.in.Len() > 0 {
		r.err = fmt.Errorf("%d bytes too many", r.in.Len())
	}
	if r.err != nil {
		return fmt.Errorf("baseline: no snapshot: %w", r.err)
	}
	fresh.isLearner, fresh.refused = d.isLearner, d.refused
	fresh.fillPool()
	*d = *fresh
	return nil
}

// Merge adds what another detector has learned: that of another process which serves the same
// operations, or of another time. What it reports as changed is left out. o stays as it is.
func (d *Detector) Merge(o *Detector) {
	for key, from := range o.parts {
		p := d.parts[key]
		if p == nil {
			if len(d.parts) >= d.config.MaxParts {
				d.refused++
				continue
			}
			p = &part{first: from.first, last: from.last}
			d.parts[key] = p
			d.reach(key)
		}
		p.times.merge(&from.times)
		p.calls += from.calls
		p.failures += from.failures
		p.spread += from.spread
		p.chance += from.chance
		for hour, level := range from.season {
			p.season[hour] = max(p.season[hour], level)
		}
		p.isKnown = p.isKnown || o.isJudged(from)
		p.first, p.last = min(p.first, from.first), max(p.last, from.last)
	}
	pooled := d.pooled
	d.fillPool()
	d.pooled = pooled
}

// writer appends to a snapshot.
type writer []byte

func (w *writer) uint(n uint64)   { *w = binary.AppendUvarint(*w, n) }
func (w *writer) float(f float64) { *w = binary.LittleEndian.AppendUint64(*w, math.Float64bits(f)) }
func (w *writer) flag(is bool)    { *w = append(*w, map[bool]byte{true: 1}[is]) }
func (w *writer) text(s string)   { w.uint(uint64(len(s))); *w = append(*w, s...) }
func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.uint(0)
		return
	}
	w.uint(uint64(max(t.UnixNano(), 1)))
}

func (w *writer) key(p engine.Part) {
	w.text(p.Service)
	w.text(p.Name)
	*w = append(*w, byte(p.SpanKind), byte(p.Kind))
	w.text(p.Peer.Service)
}

func (w *writer) part(p *part, isKnown bool) {
	w.flag(isKnown)
	w.uint(uint64(max(p.first, 0)))
	w.uint(uint64(max(p.last, 0)))
	for _, f := range []float64{p.calls, p.failures, float64(p.spread), float64(p.chance)} {
		w.float(f)
	}
	w.uint(uint64(p.times.first))
	w.uint(uint64(len(p.times.weights)))
	for _, x := range p.times.weights {
		w.uint(uint64(math.Round(float64(x) * weightUnits)))
	}
	for _, level := range p.season {
		w.uint(uint64(level))
	}
	for _, u := range p.suspicions {
		if u == nil || !u.isFiring {
			w.flag(false)
			continue
		}
		w.flag(true)
		w.float(u.score)
		w.time(u.since)
		w.time(u.fired)
		w.time(u.calm)
		w.uint(u.calls)
		w.uint(u.failures)
		w.uint(uint64(len(u.times)))
		for _, x := range u.times {
			w.uint(uint64(x))
		}
	}
}

// reader reads a snapshot. After the first error it returns zeros.
type reader struct {
	in  *bytes.Reader
	err error
}

var errTooLarge = errors.New("a number is out of bounds")

func (r *reader) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) byte() byte {
	b, err := r.in.ReadByte()
	if err != nil {
		r.fail(err)
	}
	return b
}

// uint reads a number up to most.
func (r *reader) uint(most uint64) uint64 {
	if r.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(r.in)
	if err == nil && n > most {
		err = errTooLarge
	}
	if err != nil {
		r.fail(err)
		return 0
	}
	return n
}

// float reads a number from 0 to most.
func (r *reader) float(most float64) float64 {
	var b [8]byte
	if r.err != nil {
		return 0
	}
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		r.fail(err)
		return 0
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
	if !(f >= 0 && f <= most) {
		r.fail(errTooLarge)
		return 0
	}
	return f
}

func (r *reader) text() string {
	n := r.uint(longestName)
	b := make([]byte, n)
	if _, err := io.ReadFull(r.in, b); err != nil && r.err == nil {
		r.fail(err)
	}
	return string(b)
}

func (r *reader) time() time.Time {
	n := r.uint(math.MaxInt64)
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC()
}

func (r *reader) key() (p engine.Part) {
	p.Service, p.Name = r.text(), r.text()
	p.SpanKind, p.Kind = engine.SpanKind(r.byte()), engine.PartKind(r.byte())
	p.Peer.Service = r.text()
	if p.SpanKind > engine.SpanKindConsumer || p.Kind > engine.PartRemote {
		r.fail(errTooLarge)
	}
	return p
}

func (r *reader) part() *part {
	p := &part{isKnown: r.byte() == 1, first: int64(r.uint(math.MaxInt64)), last: int64(r.uint(math.MaxInt64))}
	p.calls = r.float(mostWeight)
	p.failures = r.float(p.calls)
	p.spread, p.chance = float32(r.float(mostWeight)), float32(r.float(mostWeight))
	first, n := int(r.uint(bucketsAll-1)), int(r.uint(maxBuckets))
	if first+n > bucketsAll {
		r.fail(errTooLarge)
		return p
	}
	for i := range n {
		p.times.add(first+i, float64(r.uint(mostWeight*weightUnits))/weightUnits)
	}
	for i := range p.season {
		p.season[i] = uint16(r.uint(bucketsAll * seasonUnit))
	}
	for i := range p.suspicions {
		if r.byte() != 1 {
			continue
		}
		u := &suspicion{isFiring: true}
		u.score, u.isSpent = r.float(highest), true
		u.since, u.fired, u.calm = r.time(), r.time(), r.time()
		u.calls, u.failures = r.uint(math.MaxUint64), r.uint(math.MaxUint64)
		for range r.uint(mostTallied) {
			x := tallied(r.uint(math.MaxUint32))
			if x.bucket() >= bucketsAll {
				r.fail(errTooLarge)
			}
			u.times.add(x.bucket(), x.calls())
		}
		if p.suspicions[i] = u; r.err != nil {
			break
		}
	}
	return p
}
