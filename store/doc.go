// Package store keeps the summaries and alerts of a monitor in an SQL database: an SQLite
// file, which needs no server, or PostgreSQL.
//
//	s, err := store.Open(ctx, store.Config{DSN: "/var/lib/shop/quality.db"})
//	m, err := monitor.New(monitor.Config{
//		Sinks:     []engine.Sink{s},
//		Notifiers: []alert.Notifier{s},
//	})
//
// A [Store] is both an engine.Sink and an alert.Notifier. It takes periods and alerts into a
// bounded buffer, and one goroutine writes them. A database that is down loses nothing until
// the buffer is full. Writing the same thing twice changes nothing. Replicas of a service may
// share a database, each under its own [Config.Instance].
//
// The tables are for people: docs/store.md describes each column and has queries to begin
// with.
package store
