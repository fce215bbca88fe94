package gomonitorconnector

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/blurooo/go-monitor/mail"
	"github.com/blurooo/go-monitor/store"
	"github.com/blurooo/go-monitor/v2/alert/alertmanager"
	"github.com/blurooo/go-monitor/v2/alert/webhook"
	"github.com/blurooo/go-monitor/v2/baseline"
	"github.com/blurooo/go-monitor/v2/delivery"
	"github.com/blurooo/go-monitor/v2/engine"
)

// In Go an untyped constant such as 60 is nanoseconds: every duration of every configuration
// refuses it and says what was probably meant.
func TestDurationsWithoutUnit(t *testing.T) {
	for _, c := range []interface{ Validate() error }{
		&engine.Config{}, &engine.TimelineConfig{}, &engine.Objective{}, &baseline.Config{}, &delivery.Config{},
		&webhook.Config{}, &alertmanager.Config{}, &mail.Config{}, &store.Config{},
	} {
		of := reflect.TypeOf(c).Elem()
		for i := range of.NumField() {
			f := of.Field(i)
			if f.Type != reflect.TypeFor[time.Duration]() {
				continue
			}
			n := 60
			if f.Name == "Slice" {
				n = 3 // at most 5s
			}
			v := reflect.New(of)
			v.Elem().Field(i).SetInt(int64(n))
			err := v.Interface().(interface{ Validate() error }).Validate()
			want := fmt.Sprintf("got %dns; a number without a unit is nanoseconds, probably %d", n, n)
			found := false
			if err != nil {
				for line := range strings.Lines(err.Error()) {
					found = found || strings.HasPrefix(line, f.Tag.Get("mapstructure")+": ") && strings.Contains(line, want)
				}
			}
			if !found {
				t.Errorf("%s.%s = %d: %v, want an error that says what was meant", of, f.Name, n, err)
			}
		}
	}
}
