package webhook_test

import (
	"log"

	"github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
)

func Example() {
	chat, err := webhook.New(webhook.Config{URL: "https://hooks.slack.com/services/...", Format: webhook.Slack})
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(monitor.Config{Notifiers: []alert.Notifier{alert.Console(log.Writer()), chat}})
	_, _ = m, err
}
