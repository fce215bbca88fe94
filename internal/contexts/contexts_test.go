package contexts

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type number struct{}

// of returns a context that says whose it is.
func of(span uint64) context.Context {
	return context.WithValue(context.Background(), number{}, span)
}

func id(span uint64) (b [8]byte) {
	binary.LittleEndian.PutUint64(b[:], span)
	return b
}

func TestTakeReturnsWhatWasPut(t *testing.T) {
	ids := map[string]func(i int) uint64{
		"ids at random":     func(int) uint64 { return rand.Uint64() },
		"ids that count up": func(i int) uint64 { return uint64(i) },
	}
	for name, next := range ids {
		t.Run(name, func(t *testing.T) {
			var table Table
			spans := make([]uint64, sets) // a quarter of the places
			for i := range spans {
				spans[i] = next(i)
				table.Put(of(spans[i]), id(spans[i]))
			}
			missing := 0
			for _, s := range spans {
				has := table.Has(id(s))
				switch ctx := table.Take(id(s)); {
				case has != (ctx != nil):
					t.Fatalf("the context of span %d is there: %t, but %v is", s, has, ctx)
				case ctx == nil:
					missing++
				case ctx.Value(number{}) != s:
					t.Fatalf("the context of span %d is that of %v", s, ctx.Value(number{}))
				}
				if table.Has(id(s)) || table.Take(id(s)) != nil {
					t.Fatalf("the context of span %d is still there", s)
				}
			}
			// By the Poisson distribution with mean 1, 0.4 % of the contexts come fifth or later.
			if missing > len(spans)/50 {
				t.Errorf("%d of %d contexts are lost", missing, len(spans))
			}
		})
	}
}

func TestAFullTableForgetsOldContexts(t *testing.T) {
	var table Table
	const spans = 8 * sets * ways
	for s := range uint64(spans) {
		table.Put(of(s), id(s))
		if ctx := table.Take(id(s)); ctx == nil || ctx.Value(number{}) != s {
			t.Fatalf("span %d: %v", s, ctx)
		}
		table.Put(of(s), id(s)) // and never ends
	}
	kept := 0
	for s := range uint64(spans) {
		if table.Take(id(s)) != nil {
			kept++
		}
	}
	if kept == 0 || kept > sets*ways {
		t.Errorf("%d contexts are kept", kept)
	}
	for i := range table.sets {
		for j, ctx := range table.sets[i].contexts {
			if ctx != nil {
				t.Fatalf("place %d of set %d holds on to a context", j, i)
			}
		}
	}
}

func TestTableFromManyGoroutines(_ *testing.T) {
	var table Table
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(20_000) {
				span := g<<32 | i%64
				table.Put(of(span), id(span))
				if ctx := table.Take(id(span)); ctx != nil && ctx.Value(number{}) != span {
					panic(fmt.Sprintf("the context of span %d is that of %v", span, ctx.Value(number{})))
				}
			}
		})
	}
	wg.Wait()
}

func TestTableAllocatesNothing(t *testing.T) {
	var table Table
	ctx, span := of(1), id(1)
	if n := testing.AllocsPerRun(1000, func() { table.Put(ctx, span); table.Take(span) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTable(b *testing.B) {
	var table Table
	ctx := of(1)
	b.ReportAllocs()
	x := rand.Uint64()
	var pending [64][8]byte
	for i := 0; b.Loop(); i++ {
		x = x*6364136223846793005 + 1442695040888963407
		table.Take(pending[i%64])
		pending[i%64] = id(x)
		table.Put(ctx, pending[i%64])
	}
}
