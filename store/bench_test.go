package store

import (
	"testing"
	"time"
)

// BenchmarkConsume writes periods of 2000 operations, a tenth of which have failures, causes
// and calls to look up, and waits for each to be in the database.
func BenchmarkConsume(b *testing.B) {
	for name, newDSN := range map[string]func(testing.TB) string{"sqlite": newSQLite, "postgres": newPostgres} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, Config{DSN: newDSN(b)})
			p := bigPeriod(2000, start)
			b.ReportAllocs()
			for b.Loop() {
				p.Start, p.End = p.Start.Add(time.Minute), p.End.Add(time.Minute)
				mustConsume(b, s, p)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "periods/s")
		})
	}
}
