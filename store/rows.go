package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// summariesBits is the number of low bits of a summary's id that hold its index in the
// period; the bits above hold the period's id. So the rows of a period lie next to each
// other and need no index of their own.
const summariesBits = 20

// rows are rows of one table.
type rows struct {
	table   string
	columns []string
	values  [][]any
}

// add appends the row of v, after the values given.
func add[T any](r *rows, columns []column[T], v *T, given ...any) error {
	row, err := values(columns, v, given...)
	r.values = append(r.values, row)
	return err
}

// newRows returns rows whose first columns are those given.
func newRows[T any](table string, columns []column[T], given ...string) rows {
	return rows{table: table, columns: append(given, names(columns)...)}
}

// periodRow returns the row of a period.
func periodRow(p *engine.Period, instance string) (rows, error) {
	if len(p.Summaries) >= 1<<summariesBits {
		return rows{}, &refusedError{what: "period", err: fmt.Errorf("%d summaries are more than %d", len(p.Summaries), 1<<summariesBits-1)}
	}
	r := newRows("period_rows", periodColumns, "period_key", "instance", "operations")
	return r, add(&r, periodColumns, p, periodKey(p, instance), clean(instance), int64(len(p.Summaries)))
}

// operationRows returns the rows of the operations of a period, ordered by id, so that
// processes that write the same ones can't deadlock.
func operationRows(p *engine.Period, now time.Time) (rows, error) {
	r := newRows("operation_rows", operationColumns, "operation_id", "last_seen")
	for i := range p.Summaries {
		key := p.Summaries[i].Key()
		if err := add(&r, operationColumns, &key, operationID(key), toMillisecond(now)); err != nil {
			return r, err
		}
	}
	slices.SortFunc(r.values, func(a, b []any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) })
	r.values = slices.CompactFunc(r.values, func(a, b []any) bool { return a[0] == b[0] })
	return r, nil
}

// summaryRows returns the rows of the summaries of a period and of what belongs to them.
func summaryRows(p *engine.Period, periodID int64) ([]rows, error) {
	summaries := newRows("summary_rows", summaryColumns, "summary_id", "period_id", "operation_id")
	failures := newRows("failure_rows", failureColumns, "summary_id", "n")
	causes := newRows("cause_rows", causeColumns, "summary_id", "symptom", "n")
	exemplars := newRows("exemplar_rows", exemplarColumns, "summary_id", "symptom", "n")
	for i := range p.Summaries {
		s, id := &p.Summaries[i], periodID<<summariesBits|int64(i)
		if err := add(&summaries, summaryColumns, s, id, periodID, operationID(s.Key())); err != nil {
			return nil, err
		}
		for n := range s.Failures {
			if err := add(&failures, failureColumns, &s.Failures[n], id, int64(n)); err != nil {
				return nil, err
			}
		}
		for _, list := range listsOf(s) {
			for n := range *list.causes {
				if err := add(&causes, causeColumns, &(*list.causes)[n], id, list.symptom, int64(n)); err != nil {
					return nil, err
				}
			}
			for n := range *list.exemplars {
				if err := add(&exemplars, exemplarColumns, &(*list.exemplars)[n], id, list.symptom, int64(n)); err != nil {
					return nil, err
				}
			}
		}
	}
	return []rows{summaries, failures, causes, exemplars}, nil
}

// symptomList holds the causes and exemplars of the bad calls of a summary that have one
// symptom: they failed, were slow, or are stuck.
type symptomList struct {
	symptom   string
	causes    *[]engine.CauseCount
	exemplars *[]engine.Exemplar
}

// listsOf returns the lists of s by symptom.
func listsOf(s *engine.Summary) [3]symptomList {
	return [3]symptomList{
		{symptom: "failure", causes: &s.FailureCauses, exemplars: &s.FailureExemplars},
		{symptom: "slow", causes: &s.SlowCauses, exemplars: &s.SlowExemplars},
		{symptom: "stuck", causes: new([]engine.CauseCount), exemplars: &s.StuckExemplars},
	}
}

// operationID returns a hash over the names of an operation, as they are stored. It is not
// negative.
func operationID(k engine.OperationKey) int64 {
	d := newDigest()
	d.texts(k.Service, k.SpanKind.String(), k.Name)
	return int64(binary.BigEndian.Uint64(d.sum()) & math.MaxInt64)
}

// periodKey returns a hash over the monitor, the instance, the times and the counts of a
// period. The same period has the same key whenever it is written. The two parts of a period
// that a restart cut have different keys, as have the periods of two monitors of one name.
func periodKey(p *engine.Period, instance string) []byte {
	d := newDigest()
	d.texts(p.Monitor, instance)
	d.numbers(uint64(p.Start.UnixMilli()), uint64(p.End.UnixMilli()), p.Received, p.Dropped, uint64(len(p.Summaries)))
	for i := range p.Summaries {
		s := &p.Summaries[i]
		d.texts(s.Service, s.SpanKind.String(), s.Operation)
		d.numbers(s.Success, s.Failure, s.Cancelled, s.Ignored)
	}
	return d.sum()
}

// digest is a hash over texts and numbers. The length of each text is hashed, too, so that
// "ab", "c" and "a", "bc" differ.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

// texts adds texts as they are stored.
func (d digest) texts(texts ...string) {
	for _, text := range texts {
		text = clean(text)
		d.numbers(uint64(len(text)))
		d.Write([]byte(text))
	}
}

// numbers adds numbers.
func (d digest) numbers(numbers ...uint64) {
	var b [8]byte
	for _, n := range numbers {
		binary.BigEndian.PutUint64(b[:], n)
		d.Write(b[:])
	}
}

// sum returns 16 bytes.
func (d digest) sum() []byte { return d.Sum(nil)[:16] }

// refusedError says that a value can never be stored.
type refusedError struct {
	what string
	err  error
}

func (e *refusedError) Error() string { return e.what + ": " + e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }
