// Package web is the page of a monitor: whether all is well, what is not and since when, and the
// last hour of every operation, live, in any browser.
//
//	m, err := monitor.New(monitor.Config{})
//	...
//	mux.Handle("/debug/quality/", web.Handler(m))
//
// It needs nothing but the monitor: its pictures and scripts are built in, and it asks no other
// host for anything. It answers under names of this machine alone ([Config.Hosts]), changes nothing
// unless it is told how ([Config.Silence]), and shows whatever comes in names as text.
//
// The page uses the JSON API that it serves under api/v1, and so can scripts; docs/page.md
// describes it.
package web
