package main

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"go.opentelemetry.io/collector/component"
)

// What builder-config.yaml builds has the components of this program, at the versions of
// go.mod, with the modules replaced that go.mod replaces.
func TestBuilderConfig(t *testing.T) {
	text, err := os.ReadFile("../../builder-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type module struct{ GoMod string }
	var config struct {
		Receivers, Processors, Exporters, Connectors, Extensions, Providers []module
		Replaces                                                            []string
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		versions[path] = version
	}
	check := func(kind string, got []module, want []string) {
		var paths []string
		for _, m := range got {
			path, version, _ := strings.Cut(m.GoMod, " ")
			paths = append(paths, path)
			if path != defaultModule && version != versions[path] {
				t.Errorf("%s: %s, go.mod has %q", kind, m.GoMod, versions[path])
			}
		}
		slices.Sort(paths)
		slices.Sort(want)
		if !slices.Equal(paths, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", kind, paths, want)
		}
	}
	check("receivers", config.Receivers, modulesOf(receivers))
	check("processors", config.Processors, modulesOf(processors))
	check("exporters", config.Exporters, modulesOf(exporters))
	check("connectors", config.Connectors, modulesOf(connectors))
	check("extensions", config.Extensions, modulesOf(extensions))
	known := maps.Clone(providers)
	delete(known, defaultModule)
	check("providers", config.Providers, slices.Collect(maps.Keys(known)))

	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range config.Replaces {
		// The builder's own module is a folder further down.
		if want := strings.Replace(r, "../../", "../", 1); !strings.Contains(string(mod), want) {
			t.Errorf("replaces %s, which go.mod does not", want)
		}
	}
	if n := strings.Count(string(mod), " => "); n != len(config.Replaces) {
		t.Errorf("replaces %d modules, go.mod %d", len(config.Replaces), n)
	}
}

// modulesOf returns where components come from.
func modulesOf[F component.Factory](parts []part[F]) []string {
	var modules []string
	for _, p := range parts {
		modules = append(modules, p.module)
	}
	return modules
}
