package monitor_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var updateNames = flag.Bool("update-names", false, "rewrite the table of exported names in docs/design.md")

// TestDesignListsEveryExportedName: the table at the end of docs/design.md has a line for each exported
// name of the root, engine and alert, in the words of its comment.
func TestDesignListsEveryExportedName(t *testing.T) {
	const page, heading = "docs/design.md", "## Exported names\n"
	text := source(t, page)
	i := strings.Index(text, heading)
	if i < 0 {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	var b strings.Builder
	b.WriteString(heading + "\nA line for each, from its comment; methods that only read or write a value as text are left out. The [Go reference](https://pkg.go.dev/github.com/blurooo/go-monitor/v2) has the rest.\n")
	for _, p := range []struct{ folder, title string }{{".", "monitor (the root)"}, {"engine", "engine"}, {"alert", "alert"}} {
		fmt.Fprintf(&b, "\n### %s\n\n| name | what it is |\n|---|---|\n", p.title)
		for _, line := range exportedNames(t, p.folder) {
			b.WriteString(line)
		}
	}
	if *updateNames {
		if err := os.WriteFile(page, []byte(text[:i]+b.String()), 0o644); err != nil { //nolint:gosec // It is a page for everybody.
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(b.String(), "\n")
	for n, got := range strings.Split(text[i:], "\n") {
		if n >= len(want) || got != want[n] {
			t.Fatalf("%s, line %d of the table: %q is not what the comments say; go test . -run %s -update-names writes it", page, n, got, t.Name())
		}
	}
	if got := strings.Count(text[i:], "\n"); got+1 != len(want) {
		t.Errorf("%s: %d lines, want %d", page, got+1, len(want))
	}
}

// exportedNames returns a row for each exported name of a package.
func exportedNames(t *testing.T, folder string) (rows []string) {
	t.Helper()
	files := token.NewFileSet()
	var parsed []*ast.File
	names, err := fs.Glob(os.DirFS(folder), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, folder+"/"+name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	p, err := doc.NewFromFiles(files, parsed, "github.com/blurooo/go-monitor/v2/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	row := func(name, comment string) {
		what := strings.NewReplacer("|", `\|`, "[", "", "]", "").Replace(p.Synopsis(comment))
		if what == "" {
			t.Errorf("%s: %s has no comment", folder, name)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", name, what))
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			for _, spec := range v.Decl.Specs {
				s := spec.(*ast.ValueSpec)
				comment := s.Doc.Text()
				if comment == "" {
					comment = v.Doc
				}
				if comment == "" {
					comment = s.Comment.Text()
				}
				for _, name := range s.Names {
					if name.IsExported() {
						row(name.Name, comment)
					}
				}
			}
		}
	}
	funcs := func(receiver string, list []*doc.Func) {
		for _, f := range list {
			switch f.Name {
			case "String", "GoString", "Format", "LogValue", "MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON":
				continue
			}
			row(receiver+f.Name, f.Doc)
		}
	}
	values(p.Consts)
	values(p.Vars)
	funcs("", p.Funcs)
	for _, typ := range p.Types {
		row(typ.Name, typ.Doc)
		values(typ.Consts)
		values(typ.Vars)
		funcs("", typ.Funcs)
		funcs(typ.Name+".", typ.Methods)
	}
	return rows
}
