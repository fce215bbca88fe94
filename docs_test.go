package monitor_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	readme        = "README.md"
	readmeChinese = "README.zh-CN.md"
	docs          = "docs/"
	docsChinese   = "docs/zh-CN/"
	// maxReadme is what fits on one screen, or nearly so.
	maxReadme = 12 * 1024
)

// englishOnly are the pages of docs that have no translation.
var englishOnly = []string{"design.md", "reliability.md", "store.md"}

// page is a page in Markdown.
type page struct {
	name     string // from the top of the repository, with slashes
	text     string
	headings []heading
	blocks   []block
	links    []string
	rows     []row
}

type heading struct {
	level  int
	anchor string
}

// block is a fenced block, without its fences.
type block struct {
	language string
	lines    []string
}

// row is one of a table.
type row struct {
	table string   // the first cell of the table's header
	cells int      // how many there are
	codes []string // what stands as code in the first one
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codePattern = regexp.MustCompile("`([^`]+)`")
	linkText    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
)

// read parses a page.
func read(t *testing.T, name string) *page {
	t.Helper()
	p := &page{name: name, text: source(t, name)}
	var open *block
	table := ""
	for line := range strings.Lines(p.text) {
		line = strings.TrimRight(line, "\n")
		language, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &block{language: language}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		case strings.HasPrefix(line, "#"):
			level, title, _ := strings.Cut(line, " ")
			p.headings = append(p.headings, heading{len(level), p.anchorOf(title)})
		default:
			for _, m := range linkPattern.FindAllStringSubmatch(line, -1) {
				p.links = append(p.links, m[1])
			}
			if !strings.HasPrefix(line, "|") {
				table = ""
				break
			}
			cells := strings.Split(strings.Trim(line, "|"), "|")
			if table == "" {
				table = strings.Trim(cells[0], " `")
			}
			r := row{table: table, cells: len(cells)}
			for _, m := range codePattern.FindAllStringSubmatch(cells[0], -1) {
				r.codes = append(r.codes, m[1])
			}
			p.rows = append(p.rows, r)
		}
	}
	if open != nil {
		t.Fatalf("%s: the last fenced block has no end", name)
	}
	if len(p.headings) == 0 {
		t.Fatalf("%s: no headings", name)
	}
	return p
}

// anchorOf returns the anchor that a heading gets from a code host.
func (p *page) anchorOf(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	base := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
	anchor := base
	for i := 1; p.headingAt(anchor) >= 0; i++ {
		anchor = base + "-" + strconv.Itoa(i)
	}
	return anchor
}

// headingAt returns the index of the heading with an anchor, or -1.
func (p *page) headingAt(anchor string) int {
	return slices.IndexFunc(p.headings, func(h heading) bool { return h.anchor == anchor })
}

// codesOf returns what stands as code in the first column of a table.
func (p *page) codesOf(table string) []string {
	var codes []string
	for _, r := range p.rows {
		if r.table == table {
			codes = append(codes, r.codes...)
		}
	}
	return codes
}

// target resolves a link of a page: the file from the top of the repository, and the anchor.
// Links to elsewhere have no file.
func (p *page) target(link string) (file, anchor string) {
	if strings.Contains(link, "://") {
		return "", ""
	}
	file, anchor, _ = strings.Cut(link, "#")
	if file == "" {
		return p.name, anchor
	}
	return path.Join(path.Dir(p.name), file), anchor
}

func source(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// glob returns the names of files, with slashes.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.FromSlash(pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatalf("no file %s", pattern)
	}
	for i := range names {
		names[i] = filepath.ToSlash(names[i])
	}
	return names
}

// englishPages returns the names of all pages in English.
func englishPages(t *testing.T) []string {
	t.Helper()
	return slices.Concat(glob(t, "*.md"), glob(t, docs+"*.md"), []string{"connector/README.md"})
}

// translations returns the names of the pages that have a translation, with that.
func translations(t *testing.T) [][2]string {
	t.Helper()
	pairs := [][2]string{{readme, readmeChinese}}
	for _, name := range glob(t, docs+"*.md") {
		if !slices.Contains(englishOnly, path.Base(name)) {
			pairs = append(pairs, [2]string{name, docsChinese + path.Base(name)})
		}
	}
	return pairs
}

// inEnglish returns the page that one is the translation of, or itself.
func inEnglish(name string) string {
	if name == readmeChinese {
		return readme
	}
	if rest, ok := strings.CutPrefix(name, docsChinese); ok {
		return docs + rest
	}
	return name
}

// examples are the files whose code the pages may show.
func examples(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range append(glob(t, "example*_test.go"), "web/example_test.go", "example/example_test.go", "example/quickstart/main.go") {
		all.WriteString(source(t, name))
	}
	return all.String()
}

// unindented returns lines without their indentation, each with its line end, and
// one before the first, so that only whole lines contain each other.
func unindented(lines []string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, line := range lines {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// TestReadmeIsShort: a README is one screen, or nearly so, and names the two commands that a
// newcomer needs.
func TestReadmeIsShort(t *testing.T) {
	for _, name := range []string{readme, readmeChinese} {
		text := source(t, name)
		if len(text) > maxReadme {
			t.Errorf("%s has %d bytes, more than %d: move something to docs", name, len(text), maxReadme)
		}
		for _, command := range []string{"make demo", "make test"} {
			if !strings.Contains(text, "\n"+command+" ") {
				t.Errorf("%s does not name %q", name, command)
			}
		}
	}
}

// TestSnippetsAreExamples: the Go code of every page is compiled, and mostly run.
func TestSnippetsAreExamples(t *testing.T) {
	compiled := unindented(strings.Split(examples(t), "\n"))
	snippets := 0
	for _, name := range englishPages(t) {
		for _, b := range read(t, name).blocks {
			if b.language != "go" {
				continue
			}
			snippets++
			if !strings.Contains(compiled, unindented(b.lines)) {
				t.Errorf("%s: this snippet is in no example:\n%s", name, strings.Join(b.lines, "\n"))
			}
		}
	}
	if snippets == 0 {
		t.Error("no snippet")
	}
}

// TestPackageCommentIsExample: the same for the code of the package comment.
func TestPackageCommentIsExample(t *testing.T) {
	var code []string
	for line := range strings.Lines(source(t, "doc.go")) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			code = append(code, text)
		}
	}
	compiled := unindented(strings.Split(examples(t), "\n"))
	if len(code) == 0 || !strings.Contains(compiled, unindented(code)) {
		t.Errorf("the code of the package comment is in no example:\n%s", strings.Join(code, ""))
	}
}

// TestTranslationsAreInStep: a page and its translation have the same headings, blocks, links
// and rows.
func TestTranslationsAreInStep(t *testing.T) {
	pairs := translations(t)
	var want, got []string
	for _, pair := range pairs {
		want = append(want, pair[1])
	}
	if got = append(glob(t, docsChinese+"*.md"), readmeChinese); len(got) != len(want) {
		t.Errorf("pages in Chinese: %q, want %q", got, want)
	}
	for _, pair := range pairs {
		t.Run(pair[0], func(t *testing.T) {
			compare(t, read(t, pair[0]), read(t, pair[1]))
		})
	}
}

// compare says where a translation is not in step.
func compare(t *testing.T, english, chinese *page) {
	t.Helper()
	levels := func(p *page) (levels []int) {
		for _, h := range p.headings {
			levels = append(levels, h.level)
		}
		return levels
	}
	if e, c := levels(english), levels(chinese); !slices.Equal(e, c) {
		t.Errorf("headings: %d in %s, %d in %s", e, english.name, c, chinese.name)
	}
	// Links lead to the same page, or its translation, and there to the same heading.
	links := func(p *page) (links []string) {
		for _, link := range p.links {
			file, anchor := p.target(link)
			if file == "" {
				links = append(links, link)
				continue
			}
			target := inEnglish(file)
			if anchor != "" {
				target += "#" + strconv.Itoa(read(t, file).headingAt(anchor))
			}
			links = append(links, target)
		}
		return links
	}
	if e, c := links(english), links(chinese); !slices.Equal(e, c) {
		t.Errorf("links:\n%q in %s,\n%q in %s", e, english.name, c, chinese.name)
	}
	rows := func(p *page) (rows []string) {
		for _, r := range p.rows {
			rows = append(rows, strconv.Itoa(r.cells)+" cells "+strings.Join(r.codes, " "))
		}
		return rows
	}
	e, c := rows(english), rows(chinese)
	if len(e) != len(c) {
		t.Errorf("%d rows in tables of %s, %d in %s", len(e), english.name, len(c), chinese.name)
	}
	for i := range min(len(e), len(c)) {
		if e[i] != c[i] {
			t.Errorf("row %d: %q in %s, %q in %s", i, e[i], english.name, c[i], chinese.name)
			break
		}
	}
	if len(english.blocks) != len(chinese.blocks) {
		t.Fatalf("%d blocks in %s, %d in %s", len(english.blocks), english.name, len(chinese.blocks), chinese.name)
	}
	for i, b := range english.blocks {
		if c := chinese.blocks[i]; b.language != c.language || !slices.Equal(b.code(), c.code()) {
			t.Errorf("block %d differs:\n%s\n%s", i, strings.Join(b.lines, "\n"), strings.Join(c.lines, "\n"))
		}
	}
}

// code returns the lines of a block without what may be translated: the comments of a shell.
func (b block) code() []string {
	if b.language != "sh" {
		return b.lines
	}
	code := slices.Clone(b.lines)
	for i, line := range code {
		command, _, _ := strings.Cut(line, " # ")
		code[i] = strings.TrimRight(command, " ")
	}
	return code
}

// TestConfigurationNamesEveryKey: the tables have every key of the configuration, and no other.
// The translation has the same, as [TestTranslationsAreInStep] sees to.
func TestConfigurationNamesEveryKey(t *testing.T) {
	delivery, _ := reflect.TypeFor[monitor.Config]().FieldByName("Delivery")
	tables := map[string]reflect.Type{
		"monitor.Config":      reflect.TypeFor[monitor.Config](),
		"monitor.CodeFeature": reflect.TypeFor[monitor.CodeFeature](),
		"monitor.Outcomes":    reflect.TypeFor[monitor.Outcomes](),
		"monitor.Rule":        reflect.TypeFor[monitor.Rule](),
		"engine.Objective":    reflect.TypeFor[engine.Objective](),
		"engine.Distribution": reflect.TypeFor[engine.Distribution](),
		"delivery.Config":     delivery.Type,
	}
	p := read(t, docs+"configuration.md")
	for table, of := range tables {
		want := []string{table}
		for _, f := range reflect.VisibleFields(of) {
			want = append(want, f.Name)
		}
		got := p.codesOf(table)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the table %s has %q, want %q", p.name, table, got, want)
		}
	}
	sinks := source(t, docs+"sinks.md")
	_, section, _ := strings.Cut(sinks, "\n### Alertmanager\n")
	section, _, _ = strings.Cut(section, "\n#")
	for _, f := range reflect.VisibleFields(reflect.TypeFor[alertmanager.Config]()) {
		if key := f.Tag.Get("mapstructure"); !strings.Contains(section, "\n| `"+key+"` |") {
			t.Errorf("%ssinks.md: no row for %s of Alertmanager", docs, key)
		}
	}
}

// TestAttributesAreInTheDocs: every attribute of an alert's event is described.
func TestAttributesAreInTheDocs(t *testing.T) {
	described := read(t, docs+"sinks.md").codesOf("attribute")
	for _, m := range regexp.MustCompile(`"(gomonitor\.[a-z_.]+)",`).FindAllStringSubmatch(source(t, "alert/telemetry.go"), -1) {
		if name := m[1]; !slices.Contains(described, name) && name != "gomonitor.alert" { // that one is the span
			t.Errorf("%ssinks.md: no row for the attribute %s", docs, name)
		}
	}
}

// TestConfidenceTableIsInTheDocs: what the docs say of confidence is what was simulated.
func TestConfidenceTableIsInTheDocs(t *testing.T) {
	simulated := strings.TrimSpace(source(t, "alert/testdata/confidence.md"))
	if !strings.Contains(source(t, docs+"alerts.md"), simulated) {
		t.Errorf("%salerts.md does not hold the tables of alert/testdata/confidence.md", docs)
	}
	numbers := regexp.MustCompile(`(?m)^\| \d.*$`).FindAllString(simulated, -1)
	text := source(t, docsChinese+"alerts.md")
	for _, line := range numbers {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%salerts.md lacks the row %s", docsChinese, line)
		}
	}
	if len(numbers) < 20 {
		t.Errorf("only %d rows: %q", len(numbers), numbers)
	}
}

// TestLinks: the files and the headings that a page links to exist.
func TestLinks(t *testing.T) {
	all := englishPages(t)
	for _, pair := range translations(t)[1:] {
		all = append(all, pair[1])
	}
	links := 0
	for _, name := range all {
		p := read(t, name)
		for _, link := range p.links {
			file, anchor := p.target(link)
			if file == "" {
				continue
			}
			links++
			if _, err := os.Stat(filepath.FromSlash(file)); err != nil {
				t.Errorf("%s: %s: %v", name, link, err)
			} else if anchor != "" && read(t, file).headingAt(anchor) < 0 {
				t.Errorf("%s: %s: no such heading", name, link)
			}
		}
	}
	if links == 0 {
		t.Error("no link")
	}
}

// TestMapLeadsToEveryPage: the first page of the documents links to all others.
func TestMapLeadsToEveryPage(t *testing.T) {
	for _, pair := range translations(t) {
		if path.Base(pair[0]) != readme || pair[0] == readme {
			continue
		}
		for _, name := range pair {
			p := read(t, name)
			var targets []string
			for _, link := range p.links {
				file, _ := p.target(link)
				targets = append(targets, inEnglish(file))
			}
			for _, other := range glob(t, docs+"*.md") {
				if !slices.Contains(targets, other) {
					t.Errorf("%s does not link to %s", name, other)
				}
			}
		}
	}
}

// TestJSONIsWhatASinkWrites: a summary that a page shows is one that a sink would write.
func TestJSONIsWhatASinkWrites(t *testing.T) {
	shown := 0
	for _, name := range englishPages(t) {
		for _, b := range read(t, name).blocks {
			if b.language != "json" {
				continue
			}
			shown++
			text := []byte(strings.Join(b.lines, "\n"))
			var want bytes.Buffer
			if err := json.Compact(&want, text); err != nil {
				t.Fatal(err)
			}
			var s engine.Summary
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := engine.JSONLines(&got).Consume(t.Context(), engine.Period{Summaries: []engine.Summary{s}}); err != nil {
				t.Fatal(err)
			}
			if got.String() != want.String()+"\n" {
				t.Errorf("%s: a sink would write\n%s, not\n%s", name, got.String(), want.String())
			}
		}
	}
	if shown == 0 {
		t.Error("no summary is shown")
	}
}

// TestReplayPrints: what the docs say the replay prints is what it prints.
func TestReplayPrints(t *testing.T) {
	compiled := examples(t)
	blocks := read(t, docs+"replay.md").blocks
	for i, b := range blocks {
		if i == 0 || b.language != "text" || !strings.Contains(strings.Join(blocks[i-1].lines, "\n"), "engine.NewWindows") {
			continue
		}
		if want := "// Output:\n\t// " + strings.Join(b.lines, "\n\t// ") + "\n}"; !strings.Contains(compiled, want) {
			t.Errorf("no example prints:\n%s", strings.Join(b.lines, "\n"))
		}
		return
	}
	t.Error("no replay with its output")
}
