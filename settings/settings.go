// Package settings puts what a file or the environment says into structs of settings, by their
// mapstructure tags, as the OpenTelemetry Collector does. Its errors name the key, quote the value
// and say what was probably meant. It is for notifiers and components with settings of their own.
package settings

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/internal/keyed"
)

// Range is where a duration must lie. Its Check is for the Validate of a struct of settings.
type Range = keyed.Range

// Put sets the fields of the struct that to points to from values by key. It returns one error
// for each value that can't be, joined; each names the key. An unknown key is an error.
func Put(values map[string]any, to any) error {
	return putStruct("", values, reflect.ValueOf(to).Elem())
}

// Check returns the errors that [Put] would return, and sets nothing. It is for settings that the
// Collector decodes. The Collector still knows how a value from a variable was written, and takes
// the number 5 for a text and "a,b" for a list; errors of that kind are maybe, and count only where
// the Collector fails. What has a type of the Collector is left to it.
func Check(values map[string]any, like any) (certain, maybe error) {
	var sure, unsure []error
	for _, err := range leaves(Put(values, reflect.New(reflect.TypeOf(like).Elem()).Interface())) {
		if errors.As(err, new(spelling)) {
			unsure = append(unsure, err)
			continue
		}
		sure = append(sure, err)
	}
	return errors.Join(sure...), errors.Join(unsure...)
}

// spelling is the error of a value that may have been written in another way.
type spelling struct{ error }

// leaves returns the errors that an error joins.
func leaves(err error) []error {
	join, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for _, e := range join.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

// Fields calls f with the key and the value of every field of the struct that to points to,
// and of structs in it, whose keys follow theirs.
func Fields(to any, f func(keys []string, v reflect.Value)) {
	eachField(reflect.ValueOf(to).Elem(), nil, f)
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
)

func eachField(v reflect.Value, keys []string, f func([]string, reflect.Value)) {
	for key, field := range fieldsOf(v) {
		keys := append(slices.Clone(keys), key)
		if field.Kind() == reflect.Struct {
			eachField(field, keys, f)
			continue
		}
		f(keys, field)
	}
}

// fieldsOf returns the fields of a struct by key.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		switch tag, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("mapstructure"), ","); {
		case option == "squash":
			maps.Copy(fields, fieldsOf(v.Field(i)))
		case tag != "" && tag != "-":
			fields[tag] = v.Field(i)
		}
	}
	return fields
}

// putStruct sets the fields of a struct, whose keys stand below path.
func putStruct(path string, values map[string]any, to reflect.Value) error {
	fields := fieldsOf(to)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		field, ok := fields[key]
		if !ok {
			errs = append(errs, fmt.Errorf("%s: no such key%s", below(path, key), meant(key, slices.Sorted(maps.Keys(fields)))))
			continue
		}
		errs = append(errs, put(below(path, key), values[key], field))
	}
	return errors.Join(errs...)
}

// below returns the path of a key that stands below another.
func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// put sets the field at a path to a value.
func put(path string, value any, to reflect.Value) error {
	if value == nil {
		return nil // as if the key were not there
	}
	if v := reflect.ValueOf(value); v.Type() == to.Type() && to.Kind() == reflect.Struct {
		to.Set(v) // a time, which YAML knows
		return nil
	}
	wants := func(kind string) error { return fmt.Errorf("%s: want %s, got %s", path, kind, shown(value, to.Type())) }
	if to.CanAddr() && to.Addr().Type().Implements(unmarshalerType) {
		text, ok := value.(string)
		if !ok {
			return spelling{wants("a text")}
		}
		if err := to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if to.Type() == durationType {
		return putDuration(path, value, to)
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return put(path, value, to.Elem())
	case reflect.Struct:
		if strings.HasPrefix(to.Type().PkgPath(), collector) {
			return nil
		}
		m, ok := keysOf(value)
		if !ok {
			return wants("keys below it")
		}
		return putStruct(path, m, to)
	case reflect.Map:
		return putMap(path, value, to)
	case reflect.Slice:
		list, ok := value.([]any)
		if _, isText := value.(string); isText {
			return spelling{wants("a list")}
		} else if !ok {
			return wants("a list")
		}
		all := reflect.MakeSlice(to.Type(), len(list), len(list))
		var errs []error
		for i, v := range list {
			errs = append(errs, put(fmt.Sprintf("%s[%d]", path, i), v, all.Index(i)))
		}
		to.Set(all)
		return errors.Join(errs...)
	case reflect.String:
		text, ok := value.(string)
		if !ok {
			return spelling{wants("a text")}
		}
		to.SetString(text)
	case reflect.Bool:
		b, ok := value.(bool)
		if !ok {
			return wants("true or false")
		}
		to.SetBool(b)
	case reflect.Int:
		n, ok := value.(int)
		if !ok {
			return wants("a whole number")
		}
		to.SetInt(int64(n))
	case reflect.Float64:
		switch n := value.(type) {
		case float64:
			to.SetFloat(n)
		case int:
			to.SetFloat(float64(n))
		default:
			return wants("a number")
		}
	default:
		return fmt.Errorf("%s: can't be set by a file", path)
	}
	return nil
}

// putDuration sets a duration, which must have a unit.
func putDuration(path string, value any, to reflect.Value) error {
	text := fmt.Sprint(value)
	d, err := time.ParseDuration(text)
	if err == nil {
		to.SetInt(int64(d))
		return nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && len(text) < 20 {
		return keyed.NoUnit(path, text)
	}
	return fmt.Errorf("%s: want a duration such as 300ms, got %s", path, shown(value, to.Type()))
}

// putMap sets a map whose keys are texts.
func putMap(path string, value any, to reflect.Value) error {
	m, ok := keysOf(value)
	if !ok {
		return fmt.Errorf("%s: want keys below it, got %s", path, shown(value, to.Type()))
	}
	all := reflect.MakeMapWithSize(to.Type(), len(m))
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entry := reflect.New(to.Type().Elem()).Elem()
		errs = append(errs, put(fmt.Sprintf("%s[%q]", path, key), m[key], entry))
		all.SetMapIndex(reflect.ValueOf(key), entry)
	}
	to.Set(all)
	return errors.Join(errs...)
}

// keysOf returns the entries of a map, whose keys may be numbers, such as 404.
func keysOf(value any) (map[string]any, bool) {
	switch m := value.(type) {
	case map[string]any:
		return m, true
	case map[any]any:
		entries := make(map[string]any, len(m))
		for key, v := range m {
			entries[fmt.Sprint(key)] = v
		}
		return entries, true
	}
	return nil, false
}

// PutText sets a field to what a text says, as an environment variable of that name has it.
func PutText(name, text string, to reflect.Value) error {
	var value any = text
	if to.Type() != durationType && !to.Addr().Type().Implements(unmarshalerType) {
		switch to.Kind() {
		case reflect.Int:
			if n, err := strconv.Atoi(text); err == nil {
				value = n
			}
		case reflect.Float64:
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				value = n
			}
		case reflect.Bool:
			if b, err := strconv.ParseBool(text); err == nil {
				value = b
			}
		case reflect.Slice:
			var list []any
			for part := range strings.SplitSeq(text, ",") {
				list = append(list, strings.TrimSpace(part))
			}
			value = list
		}
	}
	return put(name, value, to)
}

// collector is how the paths of the Collector's packages begin. Their types read themselves.
const collector = "go.opentelemetry.io/collector/"

// shown writes a value for a person: quoted and shortened, unless it may be secret.
func shown(v any, to reflect.Type) string {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Map:
		return "keys below it"
	case reflect.Slice:
		return "a list"
	}
	isSecret := to.Kind() == reflect.String && to.Implements(marshalerType) // it hides itself
	hasParts := to.Kind() == reflect.Struct || to.Kind() == reflect.Map     // any of which may be secret
	if isSecret || hasParts {
		if _, ok := v.(string); ok {
			return "a text"
		}
		return "a number or true or false"
	}
	s := fmt.Sprintf("%q", fmt.Sprint(v))
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:57], "") + `..."`
	}
	return s
}

// meant says which key was probably meant.
func meant(key string, known []string) string {
	if best := Nearest(key, known); best != "" {
		return fmt.Sprintf(", probably %s is meant", best)
	}
	return ", want one of " + strings.Join(known, ", ")
}

// Nearest returns the one of the known keys that differs from key in one or two letters, and
// least; "" if there is none.
func Nearest(key string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(key, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to change, add or remove.
func distance(a, b string) int {
	if len(a) > 60 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
