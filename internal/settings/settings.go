// Package settings puts what a file or the environment says into structs of settings, by their
// mapstructure tags, as the Collector does.
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
)

// Put sets the fields of the struct that to points to from values by key. It returns one error
// for each value that can't be, joined; each names the key. An unknown key is an error.
func Put(values map[string]any, to any) error {
	return putStruct("", values, reflect.ValueOf(to).Elem())
}

// Fields calls f with the key and the value of every field of the struct that to points to,
// and of structs in it, whose keys follow theirs.
func Fields(to any, f func(keys []string, v reflect.Value)) {
	eachField(reflect.ValueOf(to).Elem(), nil, f)
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
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
		switch tag := v.Type().Field(i).Tag.Get("mapstructure"); tag {
		case "", "-":
		case ",squash":
			maps.Copy(fields, fieldsOf(v.Field(i)))
		default:
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
	if to.CanAddr() && to.Addr().Type().Implements(unmarshalerType) {
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("%s: want a text, got %s", path, shown(value))
		}
		if err := to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if to.Type() == durationType {
		text, ok := value.(string)
		d, err := time.ParseDuration(text)
		if !ok || err != nil {
			return fmt.Errorf("%s: want a duration with its unit, such as 10s, got %s", path, shown(value))
		}
		to.SetInt(int64(d))
		return nil
	}
	switch to.Kind() {
	case reflect.Struct:
		m, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: want keys below it, got %s", path, shown(value))
		}
		return putStruct(path, m, to)
	case reflect.Map:
		return putMap(path, value, to)
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s: want a list, got %s", path, shown(value))
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
			return fmt.Errorf("%s: want a text, got %s", path, shown(value))
		}
		to.SetString(text)
	case reflect.Bool:
		b, ok := value.(bool)
		if !ok {
			return fmt.Errorf("%s: want true or false, got %s", path, shown(value))
		}
		to.SetBool(b)
	case reflect.Int:
		n, ok := value.(int)
		if !ok {
			return fmt.Errorf("%s: want a whole number, got %s", path, shown(value))
		}
		to.SetInt(int64(n))
	case reflect.Float64:
		switch n := value.(type) {
		case float64:
			to.SetFloat(n)
		case int:
			to.SetFloat(float64(n))
		default:
			return fmt.Errorf("%s: want a number, got %s", path, shown(value))
		}
	default:
		return fmt.Errorf("%s: can't be set by a file, got %s", path, shown(value))
	}
	return nil
}

// putMap sets a map whose keys are texts.
func putMap(path string, value any, to reflect.Value) error {
	m, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want keys below it, got %s", path, shown(value))
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

// shown quotes a value, shortened.
func shown(v any) string {
	s := fmt.Sprintf("%q", fmt.Sprint(v))
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:57], "") + `..."`
	}
	return s
}

// meant says which key was probably meant.
func meant(key string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ", want one of " + strings.Join(known, ", ")
	}
	return fmt.Sprintf(", probably %s is meant", best)
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
