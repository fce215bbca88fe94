package engine

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

// Where there are few calls each is one that can be looked up; where there are many some are.
func TestTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Slice
		e, err := New(Config{}, sliced(&got))
		if err != nil {
			t.Fatal(err)
		}
		service, n := e.ServiceRef("shop"), uint64(0)
		chosen := func(calls int) (count int) {
			for i := range calls {
				n++
				s := Span{Service: "shop", Operation: "GET /", SpanKind: SpanKindServer, Code: "200", Outcome: OutcomeSuccess, Duration: time.Duration(i) * time.Microsecond}
				binary.LittleEndian.PutUint64(s.Link.Trace[:], mix(n, 1))
				if _, isTraced := e.Covered(&s.Link, s.SpanKind, 0, s.Duration); isTraced {
					count++
					e.ReportSpan(&s)
				} else if !e.ReportSuccess(service, s.SpanKind, s.Operation, s.Code, s.Duration, 0) {
					e.ReportSpan(&s)
				}
				if i%100 == 0 {
					flush(t, e)
				}
			}
			wait(3 * time.Second)
			return count
		}
		for slice, calls := range []int{100, 100_000, 100_000, 10, 10, 10} {
			count := chosen(calls)
			if calls > mostTraced && (count > 16*mostTraced || count < mostTraced/4) || slice == 0 && count != calls {
				t.Errorf("slice %d: %d of %d calls are chosen", slice, count, calls)
			}
			if slow := got[slice].Parts[0].Slowest; count > 0 && slow == nil {
				t.Errorf("slice %d: the slowest call is %+v", slice, slow)
			}
		}
		if count := chosen(10); count != 10 {
			t.Errorf("at last %d of 10 are chosen", count)
		}
		shutdown(t, e)
	})
}
