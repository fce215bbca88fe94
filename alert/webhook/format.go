package webhook

import "fmt"

// Format is the format of the body that is posted.
type Format uint8

const (
	// Alertmanager is the body of Alertmanager's webhook, version 4: a [Message] as JSON.
	Alertmanager Format = iota
	// Slack is the body of Slack's incoming webhooks, which other chats accept, too.
	Slack
	// Feishu is a card for a custom bot of Feishu or Lark.
	Feishu
	// DingTalk is a Markdown message for a custom robot of DingTalk.
	DingTalk
	// WeCom is a Markdown message for a group robot of WeCom (WeChat Work).
	WeCom
	// Template is the body that [Config.Template] makes.
	Template

	formatCount
)

var formatNames = [...]string{
	Alertmanager: "alertmanager", Slack: "slack", Feishu: "feishu", DingTalk: "dingtalk", WeCom: "wecom", Template: "template",
}

// String returns the format's name in lower case.
func (f Format) String() string {
	if f >= formatCount {
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
	return formatNames[f]
}

// MarshalText returns the format's name in lower case.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a format's name: alertmanager, slack, feishu, dingtalk, wecom or
// template.
func (f *Format) UnmarshalText(text []byte) error {
	for i, name := range formatNames {
		if name == string(text) {
			*f = Format(i)
			return nil
		}
	}
	return fmt.Errorf("unknown format %q, want one of %v", text, formatNames)
}
