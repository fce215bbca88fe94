package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.md
	pageMarkdown string

	html     = template.Must(template.New("page").Funcs(words).Parse(pageHTML))
	markdown = texttemplate.Must(texttemplate.New("page").Funcs(words).Funcs(map[string]any{"cell": cell}).Parse(pageMarkdown))
)

// words are how values are written.
var words = map[string]any{
	"percent": percent,
	"day":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	"lasted":  alert.Rounded,
	"text":    alert.Printable,
	"bad":     func(left float64) bool { return left < 0 },
}

// percent writes a share, with as many digits as an SLO has where it is near 1.
func percent(v float64) string {
	digits := 1
	switch {
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.0f %%", 100*v)
	case 0.99 <= v && v < 1:
		digits = 4
	}
	s := fmt.Sprintf("%.*f", digits, 100*v)
	if s == "0.0" && v > 1e-9 { // less is what floating-point numbers leave
		return "< 0.1 %"
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " %"
}

// HTML returns the report as a page without anything from elsewhere.
func (r *Report) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := html.Execute(&b, r)
	return b.Bytes(), err
}

// Markdown returns the report as Markdown.
func (r *Report) Markdown() ([]byte, error) {
	var b bytes.Buffer
	err := markdown.Execute(&b, r)
	return b.Bytes(), err
}

// cell returns text that stays within the cell of a table and means nothing to Markdown or HTML.
func cell(s string) string {
	var b strings.Builder
	for _, r := range alert.Printable(s) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
