package webhook

import "github.com/blurooo/go-monitor/v2/alert"

// slackLayout keeps within Slack's limits: 50 blocks, of which one is the header and one the
// note, 150 characters in a header and 3000 in a section.
var slackLayout = layout{
	alerts: 48, text: 30_000, each: 3000 - len("```\n```"),
	shape:     slackCode,
	line:      func(_ int, escaped string) string { return escaped + "\n" },
	title:     slackText,
	titleRoom: 150,
}

type slackMessage struct {
	Text   string       `json:"text"`
	Markup bool         `json:"mrkdwn"`
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type string         `json:"type"`
	Text slackBlockText `json:"text"`
}

type slackBlockText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// slackBody returns a message with the alerts' texts as preformatted blocks.
func slackBody(alerts []alert.Alert) ([]byte, error) {
	title := slackLayout.titleOf(alerts)
	texts, note := slackLayout.texts(alerts)
	m := slackMessage{Text: title}
	add := func(block, text, s string) {
		m.Blocks = append(m.Blocks, slackBlock{Type: block, Text: slackBlockText{Type: text, Text: s}})
	}
	add("header", "plain_text", title)
	for _, text := range texts {
		add("section", "mrkdwn", "```\n"+text+"```")
	}
	if note != "" {
		add("section", "plain_text", note)
	}
	return compact(m)
}
