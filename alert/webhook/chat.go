package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/blurooo/go-monitor/v2/alert"
)

// layout says how a chat's messages are put together from the texts of alerts.
type layout struct {
	blocks    int                                // the most blocks in a message
	text      int                                // the most bytes of all blocks of a message together
	each      int                                // the most bytes of one block
	shape     shape                              // how lines are escaped
	line      func(i int, escaped string) string // formats an escaped line; line 0 is the first of a block
	title     shape                              // how the title is escaped
	titleRoom int                                // the most bytes of the title
}

// message is one of the messages that a notification becomes.
type message struct {
	title  string
	blocks []string
	firing bool // whether any alert of the notification fires
	single bool // whether the notification has only one alert
}

const (
	// maxFull is the most alerts that have a block of their own: more of them are a wall.
	maxFull = 5
	// noteRoom is the number of bytes kept for the note on what was left out.
	noteRoom = 100
	// maxLine is the most bytes of an alert that is shown in one line.
	maxLine = 600
	// shortFrom is the number of alerts from which a line only names its alert, so that
	// hundreds of alerts are few messages.
	shortFrom = 100
	// resolvedMessages is the number of messages up to which resolved alerts are named.
	// Firing ones always are.
	resolvedMessages = 3
)

// titleOf returns the title of a notification: the first line of a single alert, or what
// several are about, after the number of the page.
func (l *layout) titleOf(alerts []alert.Alert, page string) string {
	return page + l.title.escape(strings.Join(strings.Fields(alert.Overview(alerts)), " "), l.titleRoom-len(page))
}

// messages returns the messages of a notification, whose alerts are in the order of
// [alert.Sort]. If they are few and have room in one message, each has a block. Otherwise the
// first roots have blocks in half of the first message, and each other alert has a line, in
// as many messages as it takes to name every one that fires.
func (l *layout) messages(alerts []alert.Alert) []message {
	blocks, all := l.full(alerts, l.text-noteRoom)
	if !all {
		blocks, _ = l.full(alerts[:max(1, alert.Roots(alerts))], (l.text-noteRoom)/2)
	}
	p := packer{layout: l, messages: [][]string{blocks}}
	for _, block := range blocks {
		p.used += len(block) + 1
	}
	note := ""
	for i := len(blocks); i < len(alerts); i++ {
		if !p.add(l.lineOf(&alerts[i], alerts[:len(blocks)], len(alerts) > shortFrom), alerts[i].State != alert.Resolved) {
			note = fmt.Sprintf("%d more resolved", len(alerts)-i)
			break
		}
	}
	p.flush()
	messages := make([]message, len(p.messages))
	for i, blocks := range p.messages {
		page := ""
		if len(p.messages) > 1 {
			page = fmt.Sprintf("(%d/%d) ", i+1, len(p.messages))
		}
		messages[i] = message{title: l.titleOf(alerts, page), blocks: blocks, firing: alert.FiringCount(alerts)+alert.InterruptedCount(alerts) > 0, single: len(alerts) == 1}
	}
	if note != "" {
		last := &messages[len(messages)-1]
		last.blocks = append(last.blocks, note)
	}
	return messages
}

// full returns the texts of the first alerts as long as there is room, at least the first and
// at most maxFull, and whether that is all of them.
func (l *layout) full(alerts []alert.Alert, room int) (blocks []string, all bool) {
	for i := range alerts {
		block := l.textOf(&alerts[i])
		if i > 0 && (i == maxFull || len(block)+1 > room) {
			return blocks, false
		}
		room -= len(block) + 1 // with a separator
		blocks = append(blocks, block)
	}
	return blocks, true
}

// packer puts lines into blocks and blocks into messages.
type packer struct {
	layout   *layout
	messages [][]string
	used     int // bytes of the blocks of the last message
	block    strings.Builder
}

// add adds a line, in a further message if need be. It returns false if the line is not worth
// one.
func (p *packer) add(line string, mustShow bool) bool {
	if p.block.Len()+len(line) > p.layout.each {
		p.flush()
	}
	last := len(p.messages) - 1
	isFull := p.used+p.block.Len()+len(line)+1 > p.layout.text-noteRoom ||
		len(p.messages[last]) >= p.layout.blocks && p.block.Len() == 0
	if isFull {
		if !mustShow && len(p.messages) >= resolvedMessages {
			return false
		}
		p.flush()
		p.messages, p.used = append(p.messages, nil), 0
	}
	p.block.WriteString(line)
	return true
}

// flush ends the block of lines.
func (p *packer) flush() {
	if p.block.Len() == 0 {
		return
	}
	last := len(p.messages) - 1
	p.messages[last] = append(p.messages[last], p.block.String())
	p.used += p.block.Len() + 1
	p.block.Reset()
}

// lineOf returns an alert in one line below those that are shown in full.
func (l *layout) lineOf(a *alert.Alert, above []alert.Alert, short bool) string {
	text := alert.LineBelow(a, above)
	if short {
		text, _, _ = strings.Cut(text, "  "+a.Objective.String()+": ")
		text += "  " + a.Objective.String()
	}
	frame := len(l.line(1, ""))
	return l.line(1, l.shape.escape(text, min(maxLine, l.each)-frame))
}

// textOf returns the text of one alert, with as many of its lines as there is room for.
func (l *layout) textOf(a *alert.Alert) string {
	const cut = "(cut)"
	var b strings.Builder
	lines := linesOf(a)
	for i, line := range lines {
		frame := len(l.line(i, ""))
		room := l.each - b.Len() - frame
		if i < len(lines)-1 {
			room -= len(l.line(i+1, cut))
		}
		if i > 0 && len(l.shape.escape(line, l.each)) > room {
			b.WriteString(l.line(i, cut))
			break
		}
		b.WriteString(l.line(i, l.shape.escape(line, room)))
	}
	return b.String()
}

// linesOf returns the lines of an alert's text.
func linesOf(a *alert.Alert) []string {
	return strings.Split(strings.TrimSuffix(alert.Text(a), "\n"), "\n")
}

// compact returns JSON without escapes for HTML, which would use up the room for text.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
