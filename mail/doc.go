// Package mail sends alerts by e-mail.
//
//	n, err := mail.New(mail.Config{
//		Host: "smtp.example.org", Username: "monitor", Password: "...",
//		From: "monitor@example.org", To: []string{"ops@example.org"},
//	})
//	m, err := monitor.New(monitor.Config{Notifiers: []alert.Notifier{n}})
//	...
//	n.Close(ctx) // after the monitor's Shutdown: sends a digest that still waits
//
// Each notification, the alerts of one period, is one mail with a text and an HTML part. Its
// Message-ID is the same for every try. The mail about a resolved alert is a reply to the
// one about the firing alert, so that mail programs show them as one thread.
//
// # Limits
//
// At most [Config.MaxPerHour] mails are sent in any hour. One of them is kept for a digest:
// notifications for which there is no room wait, and are sent as one mail with the latest
// state of each alert. A digest is sent five minutes after its first alert came, and an hour
// after the last digest at the earliest. If it can't be sent it is tried again, after a minute
// at first and after an hour in the end. Its errors go to OpenTelemetry's error handler,
// since no caller waits for it.
//
// # Trust
//
// Names and codes in an alert come from outside. They are cut and encoded in the subject,
// made printable and escaped in the parts, and stand in no other header. A password is
// neither printed nor part of an error, not even if a server repeats it. The connection is
// encrypted unless [Config.Encryption] says otherwise. It is not monitored.
package mail
