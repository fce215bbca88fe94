package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// variable is a reference to an environment variable, as the Collector knows it: ${env:NAME},
// ${NAME}, ${env:NAME:-default}; or "$$", which stands for a dollar sign.
var variable = regexp.MustCompile(`\$\$|\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`)

// Variables says what stands for the variables in values.
type Variables struct {
	// Lookup returns what a variable is set to; ok is false if it is not set.
	Lookup func(name string) (text string, ok bool)
	// Parse reads the text of a value that is nothing but a variable, which may be a number, a
	// list and so on.
	Parse func(text string) (any, error)
}

// Expand replaces the variables in values, and in what is below them. A variable that is not set
// and has no default is an error, which names it.
func (r Variables) Expand(values map[string]any) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		v, err := r.expand(key, values[key])
		values[key] = v
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r Variables) expand(path string, value any) (any, error) {
	switch v := value.(type) {
	case string:
		return r.expandText(path, v)
	case []any:
		var errs []error
		for i := range v {
			entry, err := r.expand(fmt.Sprintf("%s[%d]", path, i), v[i])
			v[i] = entry
			errs = append(errs, err)
		}
		return v, errors.Join(errs...)
	}
	m, ok := keysOf(value)
	if !ok {
		return value, nil
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entry, err := r.expand(below(path, key), m[key])
		m[key] = entry
		errs = append(errs, err)
	}
	return m, errors.Join(errs...)
}

func (r Variables) expandText(path, text string) (any, error) {
	var errs []error
	expanded := variable.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		parts := variable.FindStringSubmatch(found)
		v, ok := r.Lookup(parts[1])
		if !ok && parts[2] == "" {
			errs = append(errs, fmt.Errorf("%s: the environment variable %s is not set, and %s has no default, as ${env:%s:-default} has", path, parts[1], found, parts[1]))
		} else if !ok {
			v = strings.TrimPrefix(parts[2], ":-")
		}
		return v
	})
	whole := variable.FindString(text) == text && text != "$$" && text != ""
	if whole && len(errs) == 0 {
		v, err := r.Parse(expanded)
		if err != nil {
			return nil, fmt.Errorf("%s: %s holds what can't be read as a value", path, text) // it may be secret
		}
		return v, nil
	}
	return expanded, errors.Join(errs...)
}
