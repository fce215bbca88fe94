// Package mail sends alerts by e-mail.
//
//	n, err := mail.New(mail.Config{
//		Host: "smtp.example.org", Username: "monitor", Password: "...",
//		From: "monitor@example.org", To: []string{"ops@example.org"},
//	})
//	m, err := monitor.New(monitor.Config{Notifiers: []alert.Notifier{n}})
//	...
//	n.Close(ctx) // after the monitor's Shutdown: sends what still waits
//
// Each notification, the alerts of one period, is one mail with a text and an HTML part.
// Its Message-ID is the same for every try, and a resolved alert answers the mail that
// said it fires, so that mail programs show them as one thread.
//
// # Limits
//
// At most [Config.MaxPerHour] mails go out in any hour. One of them is kept for a digest:
// notifications for which there is no room wait, and go out as one mail with the latest
// state of everything in it, five minutes after the first of them came and an hour
// after the last digest. A digest that can't be sent stays and is tried again, after a
// minute at first and after an hour at last. What goes wrong with a digest goes to
// OpenTelemetry's error handler, since no caller waits for it.
//
// # Trust
//
// Names and codes in an alert come from outside. In the subject they are cut and encoded, in
// the parts made inert and escaped; none of them gets into another header. A password
// is neither printed nor part of an error, not even where a server repeats it.
// The connection is encrypted unless [Config.Encryption] says otherwise, and is not
// itself monitored.
package mail
