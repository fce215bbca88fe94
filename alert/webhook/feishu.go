package webhook

import (
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// feishuLayout keeps within Feishu's limit of 20 KB a request, in which a backslash or a
// quotation mark takes two bytes.
var feishuLayout = layout{
	blocks: 50, text: 8000, each: 4000,
	shape:     feishuText,
	line:      func(_ int, escaped string) string { return escaped + "\n" },
	title:     feishuText,
	titleRoom: 300,
}

type feishuMessage struct {
	Timestamp string     `json:"timestamp,omitempty"`
	Sign      string     `json:"sign,omitempty"`
	Type      string     `json:"msg_type"`
	Card      feishuCard `json:"card"`
}

type feishuCard struct {
	Config   feishuConfig    `json:"config"`
	Header   feishuHeader    `json:"header"`
	Elements []feishuElement `json:"elements"`
}

type feishuConfig struct {
	Wide bool `json:"wide_screen_mode"`
}

type feishuHeader struct {
	Title feishuPlain `json:"title"`
	Color string      `json:"template"`
}

type feishuElement struct {
	Tag  string      `json:"tag"`
	Text feishuPlain `json:"text"`
}

type feishuPlain struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

// feishuBody returns a card with the alerts' texts as plain text, red if any alert fires and
// green otherwise.
func feishuBody(msg message, secret alert.Secret, at time.Time) ([]byte, error) {
	plain := func(s string) feishuPlain { return feishuPlain{Tag: "plain_text", Content: s} }
	color := "green"
	if msg.firing {
		color = "red"
	}
	m := feishuMessage{Type: "interactive", Card: feishuCard{
		Config: feishuConfig{Wide: true},
		Header: feishuHeader{Title: plain(msg.title), Color: color},
	}}
	for _, text := range msg.blocks {
		m.Card.Elements = append(m.Card.Elements, feishuElement{Tag: "div", Text: plain(text)})
	}
	if secret != "" {
		m.Timestamp, m.Sign = signFeishu(secret, at)
	}
	return compact(m)
}
