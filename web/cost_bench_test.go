package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// busy counts a period's calls of many operations, with latencies of all sizes.
func (s *source) busy(operations int) {
	for i := range operations {
		for n := range 20 {
			r := engine.Report{Service: fmt.Sprint("service ", i%20), Operation: fmt.Sprintf("GET /things/%d/{id}", i), SpanKind: engine.SpanKindServer, Duration: time.Duration(1+i%50) * time.Millisecond << (n % 4)}
			if i%50 == 0 && n%5 == 0 {
				r.Outcome, r.Code = engine.OutcomeFailure, "503"
			}
			s.windows.Add(r)
		}
	}
}

// BenchmarkPeriod measures what one period of 2,000 operations costs the page: what it remembers of
// it, and telling those who look on. They read in the same process, so what they do is in it, too. At a
// period of a minute, 1 % of a core is 600 ms.
func BenchmarkPeriod(b *testing.B) {
	for _, n := range []int{0, 1, 50} {
		b.Run(fmt.Sprintf("viewers=%d", n), func(b *testing.B) {
			src := newSource(b, engine.Config{MaxOperations: 2000})
			h, err := New(src, Config{})
			if err != nil {
				b.Fatal(err)
			}
			p := h.(*page)
			server := httptest.NewServer(h)
			var reading sync.WaitGroup
			got := make(chan int, 2*n)
			for range n {
				resp, err := http.Get(server.URL + apiRoot + "events")
				if err != nil {
					b.Fatal(err)
				}
				reading.Go(func() {
					buf := make([]byte, 1<<16)
					for {
						k, err := resp.Body.Read(buf)
						if k >= 2 && buf[k-2] == '\n' && buf[k-1] == '\n' {
							got <- k
						}
						if err != nil {
							_ = resp.Body.Close()
							return
						}
					}
				})
			}
			for range n {
				<-got // hello
			}
			src.busy(2000)
			j := src.judgement()
			b.ReportAllocs()
			for b.Loop() {
				p.history.add(j, j.At)
				if p.viewers.any() {
					p.viewers.send("period", p.update(nil))
				}
				for range n {
					<-got
				}
			}
			b.StopTimer()
			close(src.out)
			reading.Wait()
			server.Close()
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

// BenchmarkMemory measures the memory of a page that remembers all it can of 2,000 operations.
func BenchmarkMemory(b *testing.B) {
	for _, period := range []time.Duration{time.Minute, time.Second} {
		b.Run(period.String(), func(b *testing.B) {
			for b.Loop() {
				src := newSource(b, engine.Config{MaxOperations: 2000, Period: period})
				src.busy(2000)
				j := src.judgement()
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				h := newHistory(period)
				at := src.now
				for range 4000 * time.Second / max(period, 20*time.Second) * 2 {
					at = at.Add(period)
					p := *j.Period
					p.Start, p.End = at.Add(-period), at
					j.Period, j.At = &p, at
					h.add(j, at)
					if period < time.Minute { // the merged slots of an hour
						at = at.Add(30 * time.Second)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
				runtime.KeepAlive(h)
			}
		})
	}
}

// BenchmarkRequest measures what a look at the first screen and at an operation costs.
func BenchmarkRequest(b *testing.B) {
	src := newSource(b, engine.Config{MaxOperations: 2000})
	h := newHistory(time.Minute)
	src.busy(2000)
	j := src.judgement()
	for range 60 {
		h.add(j, j.At)
	}
	p := &page{history: h, engine: src.EngineConfig()}
	p.routes()
	id := h.sorted()[7].id
	for _, path := range []string{"status", "history?id=" + id, "operation?id=" + id, "incidents"} {
		b.Run(path[:min(len(path), 9)], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, apiRoot+path, nil)
				r.Host = "localhost"
				p.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Body)
				}
				b.ReportMetric(float64(w.Body.Len()), "bytes/answer")
				_, _ = io.Copy(io.Discard, w.Body)
			}
		})
	}
}
