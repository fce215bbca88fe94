// Package webhook takes alerts to whatever listens to HTTP: a receiver of Alertmanager's
// webhooks, a chat (Slack, Feishu, DingTalk, WeCom), or anything else through a template.
//
// A [Notifier] posts each notification once and says of what went wrong whether trying
// again can mend it: [alert.Final], [alert.RetryAfter], or neither. To try again, and how
// often, is up to the caller.
//
// What the alerts carry came from outside. It is escaped for the shape that it goes into,
// and names are cut at [engine.MaxNameBytes]. In chats a character that means something
// there is shown as its fullwidth twin, since not all of them know how to escape one.
//
// Of a URL, only the scheme and the host are ever shown, and of the other secrets nothing,
// neither in errors nor where a [Config] or a [Notifier] is printed. The requests belong
// to no trace and are not monitored.
package webhook
