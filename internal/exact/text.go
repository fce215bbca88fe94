// Package exact writes texts as JSON without a loss.
package exact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Text is a text whose JSON form keeps every byte. Names come from outside and may hold what is not
// UTF-8, which a JSON string can't. The form of such a text is an array with its base64.
type Text string

// MarshalJSON returns a string, or an array with one.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal([]string{base64.StdEncoding.EncodeToString([]byte(t))})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	var encoded []string
	if err := json.Unmarshal(data, &encoded); err != nil || len(encoded) != 1 {
		return fmt.Errorf("want a text, or one in base64, got %.80q", data)
	}
	text, err := base64.StdEncoding.DecodeString(encoded[0])
	*t = Text(text)
	return err
}
