// Package webhook posts alerts to an HTTP server: a receiver of Alertmanager's webhooks, a
// chat (Slack, Feishu, DingTalk, WeCom), or anything else by a template.
//
// A [Notifier] posts each notification once. It marks its error by [alert.Final] or
// [alert.RetryAfter], so that the caller knows whether and when to try again.
//
// Names and codes in alerts come from outside. They are escaped for the format that they go
// into, and cut at [engine.MaxNameBytes]. In chats, a character with a special meaning is
// replaced by its fullwidth form, since not every chat has a way to escape it.
//
// Of a URL only the scheme and the host are shown, and of other secrets nothing: neither in
// errors nor where a [Config] or a [Notifier] is printed. Requests belong to no trace and
// are not monitored.
package webhook
