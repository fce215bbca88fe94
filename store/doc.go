// Package store keeps what a monitor finds in an SQL database: an SQLite file, which
// needs no server, or PostgreSQL.
//
//	s, err := store.Open(ctx, store.Config{DSN: "/var/lib/shop/quality.db"})
//	m, err := monitor.New(monitor.Config{
//		Sinks:     []engine.Sink{s},
//		Notifiers: []alert.Notifier{s},
//	})
//
// A [Store] is both an engine.Sink and an alert.Notifier. It takes periods and alerts into
// a bounded buffer, from which one goroutine writes them: a database that is down costs
// nothing until the buffer is full, and what is written twice is there once. Replicas of a
// service may share a database, each under its own [Config.Instance].
//
// The tables are for people: docs/store.md says what each column holds and has queries to
// begin with.
package store
