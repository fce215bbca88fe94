package webhook

import "strings"

// slackLayout keeps within Slack's limits: 50 blocks, of which one is the header and one the
// note, 150 characters in a header and 3000 in a section.
var slackLayout = layout{
	blocks: 48, text: 30_000, each: 3000 - len("```\n```"),
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
func slackBody(msg message) ([]byte, error) {
	m := slackMessage{Text: msg.title}
	add := func(block, text, s string) {
		m.Blocks = append(m.Blocks, slackBlock{Type: block, Text: slackBlockText{Type: text, Text: s}})
	}
	add("header", "plain_text", msg.title)
	for _, text := range msg.blocks {
		add("section", "mrkdwn", "```\n"+strings.TrimSuffix(text, "\n")+"\n```")
	}
	return compact(m)
}
