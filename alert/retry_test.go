package alert

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRetryMarks(t *testing.T) {
	plain := errors.New("plain")
	if Final(nil) != nil || RetryAfter(nil, time.Second) != nil {
		t.Error("no error is marked as one")
	}
	for _, err := range []error{Final(plain), RetryAfter(plain, time.Second)} {
		if err.Error() != "plain" || !errors.Is(err, plain) {
			t.Errorf("%v hides what it marks", err)
		}
	}
	if IsFinal(plain) || IsFinal(nil) || IsFinal(RetryAfter(plain, time.Second)) || !IsFinal(fmt.Errorf("x: %w", Final(plain))) {
		t.Error("IsFinal is true of more or less than what Final marked")
	}
	if RetryDelay(plain) != 0 || RetryDelay(nil) != 0 || RetryDelay(Final(plain)) != 0 || RetryDelay(fmt.Errorf("x: %w", RetryAfter(plain, time.Second))) != time.Second {
		t.Error("RetryDelay is not what RetryAfter marked")
	}
}
