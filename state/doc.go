// Package state keeps what must outlive the process: streaks, phases, the alerts that fire, the
// counts behind burn rates, and what other parts of a monitor add. So a restart neither loses an
// incident nor repeats it.
//
// A [Store] is a home for it. [File] is one; the module store has SQLite and PostgreSQL. A monitor
// gets one line:
//
//	monitor.New(monitor.Config{State: state.File("/var/lib/shop/monitor.state")})
//
// A [Keeper] restores the parts of a monitor from a home when it starts and saves them at the end
// of every period, on a goroutine of its own: no period waits for a disk or a database.
package state
