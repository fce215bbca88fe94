package store

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes the test binary a process of its own that does one thing to a database;
// see [childCommand].
const childEnv = "GO_MONITOR_STORE_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		os.Exit(child(what))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := testServer.stop(); err != nil {
			println("stop PostgreSQL:", err.Error())
		}
		testServer.remove()
		os.Exit(code)
	}))
}
