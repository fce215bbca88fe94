package webhook

import "strings"

// dingTalkLayout keeps within DingTalk's limit of 20,000 bytes a request, in which a quotation
// mark takes two bytes.
var dingTalkLayout = layout{
	blocks: 50, text: 9000, each: 4000,
	shape: markdownText,
	// DingTalk's Markdown ignores a single line break.
	line:      func(i int, escaped string) string { return markdownLine(i, escaped) + "\n" },
	title:     markdownText,
	titleRoom: 300,
}

// wecomLayout keeps within WeCom's limit of 4096 bytes of Markdown, the title
// included.
var wecomLayout = layout{
	blocks: 50, text: 4096 - 320, each: 1900,
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
func dingTalkBody(msg message) ([]byte, error) {
	return compact(dingTalkMessage{Type: "markdown", Markdown: dingTalkMarkdown{Title: msg.title, Text: markdownOf(&dingTalkLayout, msg)}})
}

type wecomMessage struct {
	Type     string        `json:"msgtype"`
	Markdown wecomMarkdown `json:"markdown"`
}

type wecomMarkdown struct {
	Content string `json:"content"`
}

// wecomBody returns a Markdown message with the alerts' texts.
func wecomBody(msg message) ([]byte, error) {
	return compact(wecomMessage{Type: "markdown", Markdown: wecomMarkdown{Content: markdownOf(&wecomLayout, msg)}})
}

// markdownOf returns the title and the alerts' texts as one, with an empty line between them.
func markdownOf(l *layout, msg message) string {
	texts := msg.blocks
	if !msg.single { // whose block begins with its title
		texts = append([]string{l.line(0, msg.title)}, texts...)
	}
	return strings.TrimSpace(strings.Join(texts, "\n"))
}
