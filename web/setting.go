package web

import (
	"fmt"
	"reflect"
	"time"

	"github.com/blurooo/go-monitor/v2/engine"
)

// settingJSON is one field of an operation's objective, and why it has its value.
type settingJSON struct {
	// Key is the field as a configuration names it.
	Key string `json:"key"`
	// Value is a number, a text or, for a time, nanoseconds, as Unit says.
	Value any    `json:"value"`
	Unit  string `json:"unit,omitempty"` // "ns", "ratio" or none
	// From is where the value was set: default, objective, services["..."].objective,
	// operations["..."], services["..."].operations["..."], or runtime if it was set while the
	// monitor ran.
	From string `json:"from"`
}

// settingsOf returns the fields of what is expected of an operation, with where each comes from. The
// configuration has its defaults, and the operations in it have inherited already, so a value is said
// to come from the most general place that has it.
func settingsOf(c *engine.Config, key engine.OperationKey, o engine.Objective) []settingJSON {
	byDefault := engine.DefaultObjective()
	places := placesOf(c, key)
	var list []settingJSON
	value := reflect.ValueOf(o)
	for i := range value.NumField() {
		field := value.Type().Field(i)
		name := field.Tag.Get("mapstructure")
		if name == "" || name == "-" || value.Field(i).IsZero() {
			continue
		}
		v := value.Field(i).Interface()
		is := func(o engine.Objective) bool { return reflect.ValueOf(o).Field(i).Interface() == v }
		s := settingJSON{Key: name, Value: v, From: "runtime"}
		switch v := v.(type) {
		case time.Duration:
			s.Unit = "ns"
		case float64:
			s.Unit = "ratio"
		case fmt.Stringer:
			s.Value = v.String()
		}
		switch {
		case is(c.Objective) && is(byDefault):
			s.From = "default"
		case is(c.Objective):
			s.From = "objective"
		default:
			for _, p := range places {
				if is(p.objective) {
					s.From = p.name
					break
				}
			}
		}
		list = append(list, s)
	}
	return list
}

// place is where an objective can be set, more general than those after it.
type place struct {
	name      string
	objective engine.Objective
}

// placesOf returns the places that set something for an operation, the most general first.
func placesOf(c *engine.Config, key engine.OperationKey) []place {
	names := []string{key.Name, key.SpanKind.String() + ": " + key.Name}
	var places []place
	service, hasService := c.Services[key.Service]
	if hasService {
		places = append(places, place{fmt.Sprintf("services[%q].objective", key.Service), service.Objective})
	}
	for _, name := range names {
		if o, ok := c.Operations[name]; ok {
			places = append(places, place{fmt.Sprintf("operations[%q]", name), o})
		}
	}
	for _, name := range names {
		if o, ok := service.Operations[name]; ok {
			places = append(places, place{fmt.Sprintf("services[%q].operations[%q]", key.Service, name), o})
		}
	}
	return places
}
