package main

import (
	"context"
	"log"

	monitor "github.com/blurooo/go-monitor/v2"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/engine"
)

// docs/sinks.md shows these lines. They are compiled and not run.
func Example_destinations() {
	ctx := context.Background()
	chat, _ := webhook.New(webhook.Config{URL: "https://hooks.slack.com/services/...", Format: webhook.Slack})
	am, _ := alertmanager.New(alertmanager.Config{URLs: []string{"http://am-0:9093", "http://am-1:9093"}})
	post, _ := mail.New(mail.Config{Host: "smtp.example.org", From: "monitor@example.org", To: []string{"ops@example.org"}})
	db, _ := store.Open(ctx, store.Config{DSN: "quality.db"}) // or postgres://...
	m, err := monitor.New(monitor.Config{Notifiers: []alert.Notifier{chat, am, post, db}, Sinks: []engine.Sink{db}})
	_, _ = m, err
}

// docs/store.md shows these lines. They are compiled and not run.
func Example_store() {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{DSN: "quality.db"}) // or "postgres://user:password@host/database"
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(monitor.Config{Sinks: []engine.Sink{s}, Notifiers: []alert.Notifier{s}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		_ = m.Shutdown(ctx) // first the monitor, which hands over its last period
		_ = s.Close(ctx)    // then the store, which writes it
	}()
}
