// Package strict reads the components' configurations.
package strict

import (
	"cmp"

	"go.opentelemetry.io/collector/confmap"

	"github.com/blurooo/go-monitor/v2/settings"
)

// Unmarshal reads a configuration into the struct that c points to, which has its defaults. An
// unknown key is an error, which says what was probably meant, and so is a duration without a
// unit: the Collector alone would take 300 for 300ns. What is the Collector's own is left to it.
func Unmarshal(conf *confmap.Conf, c any) error {
	certain, maybe := settings.Check(conf.ToStringMap(), c)
	if certain != nil {
		return certain
	}
	if err := conf.Unmarshal(c); err != nil {
		return cmp.Or(maybe, err)
	}
	return nil
}
