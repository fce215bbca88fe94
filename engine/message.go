package engine

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTemplate bounds the length of a message template in bytes.
const maxTemplate = 160

// MessageTemplate returns what messages of one kind have in common: numbers, ids, addresses and
// quoted parts are replaced by an asterisk. So `relation 'doc:7' not found` and
// `relation 'doc:8' not found` are one. It returns at most 160 bytes, of the first line that
// holds anything.
func MessageTemplate(message string) string {
	message = firstLine(message)
	var b strings.Builder
	b.Grow(min(len(message), maxTemplate))
	for i := 0; i < len(message) && b.Len() < maxTemplate; {
		c := message[i]
		if isQuote(c) && (i == 0 || !isWordByte(message[i-1])) {
			if n := strings.IndexByte(message[i+1:], c); n > 0 {
				b.WriteByte(c)
				b.WriteByte('*')
				b.WriteByte(c)
				i += n + 2
				continue
			}
		}
		if n := wordLength(message[i:]); n > 0 {
			writeWord(&b, message[i:i+n])
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(message[i:])
		if unicode.IsSpace(r) {
			r = ' '
		}
		b.WriteRune(r)
		i += size
	}
	return bound(joinVariables(b.String()), maxTemplate)
}

// firstLine returns the first line that holds anything, without space around it.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

// wordLength returns the length of the word at the start of s: letters, digits, and what joins
// them in numbers, addresses and ids.
func wordLength(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isWordByte(c):
			n = i + 1
		case i > 0 && (c == '.' || c == ':' || c == '-' || c == '/' || c == '@'): // only between others
		default:
			return n
		}
	}
	return n
}

// writeWord writes a word, or an asterisk for each part of it that differs from message to message.
// Slashes part a path.
func writeWord(b *strings.Builder, word string) {
	for i, part := range strings.Split(word, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if isVariable(part) {
			part = "*"
		}
		b.WriteString(part)
	}
}

// isVariable reports whether a word is a number, an id or an address: it holds a digit, unless it
// is a name such as "http2" or "utf8".
func isVariable(word string) bool {
	digits, last := 0, false
	for i := range len(word) {
		last = word[i] >= '0' && word[i] <= '9'
		if last {
			digits++
		}
	}
	isName := digits == 1 && last && len(word) > 3 && !strings.ContainsAny(word, ".:-@")
	return digits > 0 && !isName
}

// joinVariables makes one of several variables that only spaces, commas and slashes part: lists
// differ in their length, too.
func joinVariables(s string) string {
	for {
		joined := variables.Replace(s)
		if joined == s {
			return s
		}
		s = joined
	}
}

var variables = strings.NewReplacer("* *", "*", "*, *", "*", "*,*", "*", "*/*", "*")

// bound cuts s to at most n bytes, at the end of a rune.
func bound(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
