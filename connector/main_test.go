package gomonitorconnector

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The first call starts a goroutine of the runtime, which must not belong to a bubble of synctest.
	first := make(chan os.Signal, 1)
	signal.Notify(first, syscall.SIGHUP)
	signal.Stop(first)
	goleak.VerifyTestMain(m)
}
