package replay

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	time.Local = time.FixedZone("elsewhere", 3*60*60) // so that it shows where it is used
	goleak.VerifyTestMain(m)
}
