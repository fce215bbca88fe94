package monitor_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/engine"
)

const (
	readme        = "README.md"
	readmeChinese = "README.zh-CN.md"
)

// document is what has to be in step in all translations of a page.
type document struct {
	headings []string // the level of each
	blocks   []block
	links    []string // to files
	text     string
}

// block is a fenced block, without its fences.
type block struct {
	language string
	lines    []string
}

var linkPattern = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// parse reads a page in Markdown.
func parse(t *testing.T, name string) document {
	t.Helper()
	var d document
	var open *block
	d.text = source(t, name)
	for line := range strings.Lines(d.text) {
		line = strings.TrimRight(line, "\n")
		language, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &block{language: language}
		case isFence:
			d.blocks = append(d.blocks, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		case strings.HasPrefix(line, "#"):
			level, _, _ := strings.Cut(line, " ")
			d.headings = append(d.headings, level)
		default:
			for _, m := range linkPattern.FindAllStringSubmatch(line, -1) {
				d.links = append(d.links, m[1])
			}
		}
	}
	if open != nil {
		t.Fatalf("%s: the last fenced block has no end", name)
	}
	if len(d.blocks) == 0 || len(d.headings) == 0 {
		t.Fatalf("%s: no headings or no blocks", name)
	}
	return d
}

func source(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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

// TestReadmeSnippetsAreExamples: what the README shows is compiled, and mostly run.
func TestReadmeSnippetsAreExamples(t *testing.T) {
	examples := unindented(strings.Split(source(t, "example_test.go")+source(t, "example/example_test.go"), "\n"))
	snippets := 0
	for _, b := range parse(t, readme).blocks {
		if b.language != "go" {
			continue
		}
		snippets++
		if !strings.Contains(examples, unindented(b.lines)) {
			t.Errorf("this snippet is not in example_test.go:\n%s", strings.Join(b.lines, "\n"))
		}
	}
	if snippets == 0 {
		t.Error("no snippet")
	}
}

// TestPackageCommentIsExample: the same for the code of the package comment.
func TestPackageCommentIsExample(t *testing.T) {
	examples := unindented(strings.Split(source(t, "example_test.go"), "\n"))
	var code []string
	for line := range strings.Lines(source(t, "doc.go")) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			code = append(code, text)
		}
	}
	if len(code) == 0 || !strings.Contains(examples, unindented(code)) {
		t.Errorf("the code of the package comment is not in example_test.go:\n%s", strings.Join(code, ""))
	}
}

// TestReadmesAreInStep: the translation has the same headings, blocks and links.
func TestReadmesAreInStep(t *testing.T) {
	english, chinese := parse(t, readme), parse(t, readmeChinese)
	if !slices.Equal(english.headings, chinese.headings) {
		t.Errorf("headings: %q in %s, %q in %s", english.headings, readme, chinese.headings, readmeChinese)
	}
	if !slices.Equal(english.links, chinese.links) {
		t.Errorf("links: %q in %s, %q in %s", english.links, readme, chinese.links, readmeChinese)
	}
	if e, c := len(english.blocks), len(chinese.blocks); e != c {
		t.Fatalf("%d blocks in %s, %d in %s", e, readme, c, readmeChinese)
	}
	for i, b := range english.blocks {
		if c := chinese.blocks[i]; b.language != c.language || b.language != "sh" && !slices.Equal(b.lines, c.lines) {
			t.Errorf("block %d differs:\n%s\n%s", i, strings.Join(b.lines, "\n"), strings.Join(c.lines, "\n"))
		}
	}
}

// TestReadmeNamesEveryKey: no key of the configuration is missing from the tables.
func TestReadmeNamesEveryKey(t *testing.T) {
	for _, name := range []string{readme, readmeChinese} {
		text := parse(t, name).text
		for _, c := range []any{monitor.Config{}, monitor.Outcomes{}, engine.Objective{}} {
			for _, f := range reflect.VisibleFields(reflect.TypeOf(c)) {
				if !strings.Contains(text, "\n| `"+f.Name+"` |") {
					t.Errorf("%s: no row for %T.%s", name, c, f.Name)
				}
			}
		}
	}
}

// TestConfidenceTableIsInTheDocs: what the docs say of confidence is what was simulated.
func TestConfidenceTableIsInTheDocs(t *testing.T) {
	table := strings.TrimSpace(source(t, "alert/testdata/confidence.md"))
	if !strings.Contains(source(t, "docs/verdicts.md"), table) {
		t.Error("docs/verdicts.md does not hold the table of alert/testdata/confidence.md")
	}
}

// TestReadmeLinks: the files that a README links to exist.
func TestReadmeLinks(t *testing.T) {
	for _, link := range parse(t, readme).links {
		file, _, _ := strings.Cut(link, "#")
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// TestReadmeJSON: the summary that the README shows is one that a sink would write.
func TestReadmeJSON(t *testing.T) {
	for _, b := range parse(t, readme).blocks {
		if b.language != "json" {
			continue
		}
		text := []byte(strings.Join(b.lines, "\n"))
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		var s engine.Summary
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Errorf("a sink would write\n%s, not\n%s", got, want.String())
		}
	}
}

// TestReadmeReplay: what the README says the replay prints is what it prints.
func TestReadmeReplay(t *testing.T) {
	examples := source(t, "example_test.go")
	blocks := parse(t, readme).blocks
	for i, b := range blocks {
		if i == 0 || b.language != "text" || !strings.Contains(strings.Join(blocks[i-1].lines, "\n"), "engine.NewWindows") {
			continue
		}
		if want := "// Output:\n\t// " + strings.Join(b.lines, "\n\t// ") + "\n}"; !strings.Contains(examples, want) {
			t.Errorf("no example prints:\n%s", strings.Join(b.lines, "\n"))
		}
		return
	}
	t.Error("no replay with its output")
}
