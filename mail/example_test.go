package mail_test

import (
	"context"
	"fmt"
	"time"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/v2/alert"
)

func Example() {
	n, err := mail.New(mail.Config{
		Host: "smtp.example.org", Username: "monitor", Password: "...",
		From: "monitor@example.org", To: []string{"ops@example.org"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	notifiers := []alert.Notifier{n} // monitor.Config.Notifiers
	fmt.Println(notifiers[0])

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Close(ctx); err != nil { // after the monitor's Shutdown
		fmt.Println(err)
	}
	// Output: mail via smtp.example.org:587
}
