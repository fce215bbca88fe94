package webhook

import (
	"strings"

	"github.com/blurooo/go-monitor/v2/alert"
)

// dingTalkLayout keeps within DingTalk's limit of 20,000 bytes a request, in which a quotation
// mark takes two bytes.
var dingTalkLayout = layout{
	alerts: 50, text: 9000, each: 4000,
	shape: markdownText,
	// DingTalk's Markdown ignores a single line break.
	line:      func(i int, escaped string) string { return markdownLine(i, escaped) + "\n" },
	title:     markdownText,
	titleRoom: 300,
}

// wecomLayout keeps within WeCom's limit of 4096 bytes of Markdown.
var wecomLayout = layout{
	alerts: 50, text: 4096, each: 1900,
	shape:     markdownText,
	line:      markdownLine,
	title:     markdownText,
	titleRoom: 300,
}

// markdownLine makes the first line of an alert bold and quotes the others.
func markdownLine(i int, escaped string) string {
	escaped = strings.Join(strings.Fields(escaped), " ")
	if i == 0 {
		return "**" + escaped + "**\n"
	}
	return "> " + escaped + "\n"
}

type dingTalkMessage struct {
	Type     string           `json:"msgtype"`
	Markdown dingTalkMarkdown `json:"markdown"`
	At       dingTalkAt       `json:"at"`
}

type dingTalkMarkdown struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type dingTalkAt struct {
	All bool `json:"isAtAll"`
}

// dingTalkBody returns a Markdown message with the alerts' texts.
func dingTalkBody(alerts []alert.Alert) ([]byte, error) {
	return compact(dingTalkMessage{Type: "markdown", Markdown: dingTalkMarkdown{
		Title: dingTalkLayout.titleOf(alerts),
		Text:  markdownOf(&dingTalkLayout, alerts),
	}})
}

type wecomMessage struct {
	Type     string        `json:"msgtype"`
	Markdown wecomMarkdown `json:"markdown"`
}

type wecomMarkdown struct {
	Content string `json:"content"`
}

// wecomBody returns a Markdown message with the alerts' texts.
func wecomBody(alerts []alert.Alert) ([]byte, error) {
	return compact(wecomMessage{Type: "markdown", Markdown: wecomMarkdown{Content: markdownOf(&wecomLayout, alerts)}})
}

// markdownOf returns the alerts' texts as one, with an empty line between them.
func markdownOf(l *layout, alerts []alert.Alert) string {
	texts, note := l.texts(alerts)
	if note != "" {
		texts = append(texts, note)
	}
	return strings.TrimSpace(strings.Join(texts, "\n"))
}
