package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/blurooo/go-monitor/v2/alert"
)

// message is a mail on its way. Its bytes are the same for every try.
type message struct {
	key      string    // identifies it among the mails that are tried
	id       string    // its Message-ID
	raw      []byte    // headers and parts
	left     []string  // the recipients that still have to get it
	got      int       // the number of recipients that have got it
	counted  time.Time // when it was sent as the limits have it
	firing   []string  // ids of the alerts that it announces
	resolved []string  // ids of the alerts that it ends
}

// letterhead holds what all mails have in common.
type letterhead struct {
	from    *mail.Address
	to, cc  []*mail.Address
	replyTo *mail.Address // nil: to from
	prefix  string
	domain  string // of message ids
}

// newLetterhead returns the letterhead of a valid config with its defaults set.
func newLetterhead(c *Config) (letterhead, error) {
	l := letterhead{prefix: c.SubjectPrefix}
	var err error
	if l.from, err = parseAddress(c.From); err != nil {
		return l, fmt.Errorf("from: %w", err)
	}
	if c.ReplyTo != "" {
		if l.replyTo, err = parseAddress(c.ReplyTo); err != nil {
			return l, fmt.Errorf("reply_to: %w", err)
		}
	}
	for _, list := range []struct {
		key       string
		addresses []string
		parsed    *[]*mail.Address
	}{{"to", c.To, &l.to}, {"cc", c.Cc, &l.cc}} {
		for i, s := range list.addresses {
			a, err := parseAddress(s)
			if err != nil {
				return l, fmt.Errorf("%s[%d]: %w", list.key, i, err)
			}
			*list.parsed = append(*list.parsed, a)
		}
	}
	l.domain = idDomain(l.from.Address)
	return l, nil
}

// idDomain returns the domain of an address if it can be part of a message id.
func idDomain(address string) string {
	domain := strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
	fits := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' }
	if strings.IndexFunc(domain, func(r rune) bool { return !fits(r) }) >= 0 || len(domain) > 255 {
		return "go-monitor.invalid"
	}
	return domain
}

// recipients returns the addresses that get a mail, each once.
func (l *letterhead) recipients() []string {
	var all []string
	for _, a := range slices.Concat(l.to, l.cc) {
		if !slices.Contains(all, a.Address) {
			all = append(all, a.Address)
		}
	}
	return all
}

// messageID returns a message id made from any text. It holds a hash, which needs no escaping
// and reveals nothing.
func (l *letterhead) messageID(kind, of string) string {
	sum := sha256.Sum256([]byte(of))
	return fmt.Sprintf("<gomonitor.%s.%s@%s>", kind, hex.EncodeToString(sum[:16]), l.domain)
}

// maxReferences is the most alerts of one mail that have a thread.
const maxReferences = 10

// references returns the values of In-Reply-To and References for a mail about alerts. Each
// alert has a thread. The root of the thread is a message id made from the alert's id, so that
// mails of other processes, and from before a restart, are in the same thread. No mail has it.
func (l *letterhead) references(alerts []alert.Alert, known *threads) (inReplyTo, references []string) {
	for i := range alerts[:min(len(alerts), maxReferences)] {
		a := &alerts[i]
		root := l.messageID("alert", a.ID)
		references = append(references, root)
		if a.State == alert.Firing && !a.Repeat {
			continue
		}
		if began, ok := known.mails[clip(a.ID, maxName)]; ok {
			inReplyTo = append(inReplyTo, began)
		} else {
			inReplyTo = append(inReplyTo, root)
		}
	}
	return unique(inReplyTo), unique(append(references, inReplyTo...))
}

// unique returns a list without repetitions.
func unique(list []string) []string {
	var once []string
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// alertsMessage returns the mail about a notification.
func (l *letterhead) alertsMessage(key string, alerts []alert.Alert, known *threads, now time.Time) (*message, error) {
	m := &message{key: key, id: l.messageID("notification", key)}
	for i := range alerts {
		id := clip(alerts[i].ID, maxName)
		if alerts[i].State == alert.Firing {
			m.firing = append(m.firing, id)
		} else {
			m.resolved = append(m.resolved, id)
		}
	}
	inReplyTo, references := l.references(alerts, known)
	return m, l.write(m, draft{
		subject:    subjectText(l.prefix, alerts),
		content:    contentOf(alerts),
		inReplyTo:  inReplyTo,
		references: references,
		date:       now,
	})
}

// digestMessage returns the mail about the alerts that had to wait.
func (l *letterhead) digestMessage(d *digest, perHour int, now time.Time) (*message, error) {
	lines := d.list()
	var key strings.Builder
	fmt.Fprintf(&key, "%d %d", d.since.UnixNano(), d.unlisted)
	m := &message{}
	for _, line := range lines {
		fmt.Fprintf(&key, "\n%s %s %d", line.State, line.ID, line.Changes)
		if line.Firing {
			m.firing = append(m.firing, line.alert)
		} else {
			m.resolved = append(m.resolved, line.alert)
		}
	}
	m.key = key.String()
	m.id = l.messageID("digest", m.key)
	return m, l.write(m, draft{
		subject: digestSubject(l.prefix, lines, d.unlisted),
		content: content{
			Intro: fmt.Sprintf("There were more notifications than %d mails an hour (max_per_hour). "+
				"This is the latest state of the alerts that have waited since %s.", perHour, alert.Moment(d.since)),
			Lines:    lines,
			Unlisted: d.unlisted,
		},
		date: now,
	})
}

// draft is the content of one mail.
type draft struct {
	subject               string
	content               content
	inReplyTo, references []string
	date                  time.Time
}

// write sets the bytes of m and its recipients.
func (l *letterhead) write(m *message, d draft) error {
	page, err := d.content.html()
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(l.from)
	msg.ToMailAddress(l.to...)
	if len(l.cc) > 0 {
		msg.CcMailAddress(l.cc...)
	}
	if l.replyTo != nil {
		msg.ReplyToMailAddress(l.replyTo)
	}
	msg.SetGenHeader(gomail.HeaderSubject, encodeSubject(d.subject))
	msg.SetDateWithValue(d.date)
	msg.SetGenHeader(gomail.HeaderMessageID, m.id)
	if len(d.inReplyTo) > 0 {
		msg.SetGenHeader(gomail.HeaderInReplyTo, strings.Join(d.inReplyTo, " "))
	}
	if len(d.references) > 0 {
		msg.SetGenHeader(gomail.HeaderReferences, strings.Join(d.references, " "))
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	msg.SetBodyString(gomail.TypeTextPlain, d.content.text())
	msg.AddAlternativeString(gomail.TypeTextHTML, page)
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	m.raw, m.left = unfold(b.Bytes()), l.recipients()
	return nil
}

// unfold puts ids into the line of their header. go-mail folds long ones into the next line,
// where not every mail program finds them.
func unfold(raw []byte) []byte {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for _, name := range []string{"Message-ID:", "In-Reply-To:", "References:"} {
		head = bytes.Replace(head, []byte("\r\n"+name+"\r\n "), []byte("\r\n"+name+" "), 1)
	}
	return slices.Concat(head, []byte("\r\n\r\n"), body)
}
