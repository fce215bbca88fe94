// Package shown is how the connector hands what it judges to the extension that shows it.
package shown

import (
	"go.opentelemetry.io/collector/component"

	"github.com/blurooo/go-monitor/v2/web"
)

// Page is an extension that shows what connectors judge.
type Page interface {
	// Show shows a source, under the id of its connector, until the source ends. Older periods are
	// in the store, if that is not nil.
	Show(id component.ID, s web.Source, older web.Store) error
}

// Everywhere shows a source on every page that a host has.
func Everywhere(host component.Host, id component.ID, s web.Source, older web.Store) error {
	if host == nil {
		return nil
	}
	for _, extension := range host.GetExtensions() {
		if page, ok := extension.(Page); ok {
			if err := page.Show(id, s, older); err != nil {
				return err
			}
		}
	}
	return nil
}
