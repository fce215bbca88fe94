package classify

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/engine"
)

// DetailConfig says what of the span of a bad call may be kept, to be shown in alerts.
type DetailConfig struct {
	// Disable keeps nothing: no messages, no events and no attributes.
	Disable bool `mapstructure:"disable"`
	// Dimensions are keys of attributes that may tell bad calls from good ones, such as
	// "tenant.id", beside those of the semantic conventions, which are kept anyway. "*" stands
	// for all. Default: none.
	Dimensions []string `mapstructure:"dimensions"`
	// Redact returns what may be shown of the value of an attribute, of the span or of an event; ""
	// leaves it out. It gets messages with the key "exception.message", and names of events with
	// "event.name", and runs on the caller's goroutine, after secrets that are known by their
	// keys and URLs have been taken out. It must be quick. If it panics, the value is left
	// out. Default: nil.
	Redact func(key, value string) string `mapstructure:"-"`
}

// maxDimensions bounds DetailConfig.Dimensions.
const maxDimensions = 64

// Validate returns one error for everything in e that can't be, joined.
func (e DetailConfig) Validate() error {
	var errs []error
	if len(e.Dimensions) > maxDimensions {
		errs = append(errs, fmt.Errorf("dimensions: at most %d keys, got %d; \"*\" stands for all", maxDimensions, len(e.Dimensions)))
	}
	for i, key := range e.Dimensions {
		switch {
		case key == "":
			errs = append(errs, fmt.Errorf("dimensions[%d]: must not be empty", i))
		case IsSecretKey(key):
			errs = append(errs, fmt.Errorf("dimensions[%d]: %q is never shown, since such keys hold secrets", i, key))
		}
	}
	return errors.Join(errs...)
}

// DetailReader collects what the span of a bad call tells. It is for one call at a time: [DetailRules.Read]
// begins one, the other methods are given what the span holds, in any order, and Details ends it.
type DetailReader struct {
	rules     *DetailRules
	message   string
	exception Exception
	stack     string
	events    []engine.EventNote
	wanted    []engine.Attribute // of the user's keys
	others    []engine.Attribute
}

// DetailRules say what is kept of spans. They are safe for concurrent use.
type DetailRules struct {
	disabled   bool
	all        bool
	dimensions map[string]bool
	redact     func(key, value string) string
}

// NewDetailRules returns the rules of a DetailConfig that is valid.
func NewDetailRules(e DetailConfig) *DetailRules {
	r := &DetailRules{disabled: e.Disable, dimensions: make(map[string]bool, len(e.Dimensions)), redact: e.Redact}
	for _, key := range e.Dimensions {
		r.all = r.all || key == "*"
		r.dimensions[key] = true
	}
	return r
}

// Disabled reports whether nothing is kept.
func (r *DetailRules) Disabled() bool { return r.disabled }

// Read begins a call with the description of its span's status.
func (r *DetailRules) Read(description string) DetailReader {
	return DetailReader{rules: r, message: description}
}

// Keeps reports whether an attribute of this key is kept, so that only the values of those need be
// made texts.
func (r *DetailRules) Keeps(key string) bool {
	return (r.all && !isConsequence(key) || r.dimensions[key] || isConventional(key) && !isConsequence(key)) && !IsSecretKey(key)
}

// Attribute takes an attribute of the span or its resource.
func (d *DetailReader) Attribute(key, value string) {
	if !d.rules.Keeps(key) {
		return
	}
	list := &d.others
	if d.rules.dimensions[key] {
		list = &d.wanted
	}
	if len(*list) == engine.MaxDetailAttributes {
		return
	}
	if value = d.rules.shown(key, value, engine.MaxAttributeText); value != "" {
		*list = append(*list, engine.Attribute{Key: cut(strings.Clone(key), engine.MaxAttributeText), Value: value})
	}
}

// Exception takes what an event named [ExceptionEvent] tells. The last one counts.
func (d *DetailReader) Exception(e Exception, stack string) { d.exception, d.stack = e, stack }

// Event takes another event, whose attributes [DetailReader.EventAttribute] takes then. The last few
// are kept. It returns false for one that is not.
func (d *DetailReader) Event(name string, offset time.Duration) (isKept bool) {
	if IsMessage(name) {
		return false
	}
	if len(d.events) == engine.MaxDetailEvents {
		d.events = append(d.events[:0], d.events[1:]...)
	}
	d.events = append(d.events, engine.EventNote{Name: d.rules.shown("event.name", name, engine.MaxAttributeText), Offset: offset})
	return true
}

// EventAttribute takes an attribute of the last event: its text becomes "key=value, key=value".
func (d *DetailReader) EventAttribute(key, value string) {
	text := &d.events[len(d.events)-1].Text
	if len(*text) >= engine.MaxAttributeText || IsSecretKey(key) {
		return
	}
	value = d.rules.shown(key, value, engine.MaxAttributeText)
	if value == "" {
		return
	}
	if *text != "" {
		*text += ", "
	}
	*text = cut(*text+key+"="+value, engine.MaxAttributeText)
}

// Details returns what was collected; nil if that is nothing.
func (d *DetailReader) Details() *engine.Details {
	details := &engine.Details{
		Message:       d.rules.shown(ExceptionMessage, cmp.Or(d.exception.Message, d.message), engine.MaxDetailText),
		ExceptionType: d.rules.shown(ExceptionType, d.exception.Type, engine.MaxAttributeText),
		Frame:         cut(topFrame(d.stack), engine.MaxAttributeText),
		Events:        d.events,
	}
	room := engine.MaxDetailAttributes - len(d.wanted)
	details.Attributes = slices.Concat(d.wanted, d.others[:min(room, len(d.others))])
	slices.SortFunc(details.Attributes, func(a, b engine.Attribute) int { return cmp.Compare(a.Key, b.Key) })
	if details.Message == "" && details.ExceptionType == "" && details.Frame == "" && len(details.Events)+len(details.Attributes) == 0 {
		return nil
	}
	return details
}

// shown returns what may be shown of a value, in at most n bytes of memory of its own.
func (r *DetailRules) shown(key, value string, n int) (shown string) {
	if value == "" {
		return ""
	}
	value = cut(value, 4*n) // what is looked through is bounded, too
	value = withoutSecrets(value)
	if r.redact != nil {
		defer func() {
			if recover() != nil {
				shown = ""
			}
		}()
		value = r.redact(key, value)
	}
	return strings.Clone(cut(value, n))
}

// cut returns at most n bytes of s, as valid UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// conventional are the namespaces of the semantic conventions whose attributes tell one sort of
// calls from another.
var conventional = []string{
	"http.", "url.", "db.", "rpc.", "messaging.", "server.", "network.", "service.", "deployment.",
	"k8s.", "cloud.", "host.", "container.", "faas.", "feature_flag.", "graphql.", "gen_ai.", "peer.", "aws.", "process.runtime.",
}

func isConventional(key string) bool {
	for _, prefix := range conventional {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// isConsequence reports whether an attribute tells how a call ended, so that it can be no reason
// why.
func isConsequence(key string) bool {
	return strings.Contains(key, "response") || strings.Contains(key, "status") || strings.HasPrefix(key, "error.") || strings.HasPrefix(key, "exception.")
}

// secretWords are parts of keys whose values are never shown.
var secretWords = []string{"authorization", "cookie", "password", "passwd", "secret", "token", "api_key", "api-key", "apikey", "credential", "private_key", "session"}

// IsSecretKey reports whether the values under a key are never shown, since such keys hold secrets.
func IsSecretKey(key string) bool {
	key = strings.ToLower(key)
	for _, word := range secretWords {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

var (
	userInfo   = regexp.MustCompile(`://[^/\s@?#]*@`)
	queryValue = regexp.MustCompile(`([?&;][^=\s&?#]{1,64}=)[^&\s#"'<>]+`)
	namedValue = regexp.MustCompile(`(?i)((?:authorization|cookie|password|passwd|pwd|secret|token|api[-_ ]?key|credentials?|private[-_ ]?key)["']?\s*(?:[=:]|is)\s*)(?:(?:bearer|basic)\s+)?("[^"]*"|'[^']*'|[^\s,;&]+)`)
	bearer     = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}`)
)

// withoutSecrets takes out of a text what is most likely a secret: user names and values in
// URLs, and what follows a word such as "password".
func withoutSecrets(s string) string {
	if strings.Contains(s, "://") {
		s = userInfo.ReplaceAllString(s, "://***@")
	}
	if strings.Contains(s, "=") {
		s = queryValue.ReplaceAllString(s, "${1}***")
	}
	s = namedValue.ReplaceAllString(s, "${1}***")
	return bearer.ReplaceAllString(s, "${1} ***")
}

// topFrame returns the innermost function of a stack trace that belongs to the program, with file
// and line: those of runtimes and of OpenTelemetry are skipped. It reads what Go, the JVM,
// JavaScript and Python print, of the first and the last few KiB.
func topFrame(stack string) string {
	const most = 8 << 10
	if strings.HasPrefix(stack, "Traceback") {
		return pythonFrame(stack[max(0, len(stack)-most):])
	}
	lines := strings.Split(stack[:min(len(stack), most)], "\n")
	for i, line := range lines {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "at "); ok {
			return text
		}
		if i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "\t") || strings.HasPrefix(line, "\t") || strings.HasPrefix(lines[i+1], "\tat ") {
			continue
		}
		if strings.HasPrefix(line, "runtime") || strings.HasPrefix(line, "panic(") || strings.HasPrefix(line, "go.opentelemetry.io/") {
			continue
		}
		function := line[strings.LastIndexByte(line, '/')+1:]
		if end := strings.LastIndexByte(function, '('); end > 0 {
			function = function[:end]
		}
		place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		return function + " (" + place[strings.LastIndexByte(place, '/')+1:] + ")"
	}
	return ""
}

// pythonFrame returns the last frame of a Python traceback.
func pythonFrame(stack string) string {
	_, last, ok := cutLast(stack, `File "`)
	if !ok {
		return ""
	}
	line, _, _ := strings.Cut(last, "\n")
	file, rest, _ := strings.Cut(line, `"`)
	number, function, ok := strings.Cut(strings.TrimPrefix(rest, ", line "), ", in ")
	if !ok {
		return ""
	}
	return function + " (" + file[strings.LastIndexByte(file, '/')+1:] + ":" + number + ")"
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
