package keyed

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestBelow(t *testing.T) {
	sentinel := errors.New("must be set")
	url := fmt.Errorf("url: %w", sentinel)
	port := errors.New("port: must be between 1 and 65535, got 0")
	for _, tt := range []struct {
		name, want string
		err        error
	}{
		{"one error", "webhook.url: must be set", url},
		{"joined", "webhook.url: must be set\nwebhook.port: must be between 1 and 65535, got 0", errors.Join(url, port)},
		{"joined twice", "webhook.a: x\nwebhook.url: must be set\nwebhook.port: must be between 1 and 65535, got 0",
			errors.Join(errors.New("a: x"), errors.Join(url, port))},
		{"below twice", "webhook.tls.url: must be set\nwebhook.tls.port: must be between 1 and 65535, got 0", Below("tls", errors.Join(url, port))},
		{"two in one sentence", "webhook.url: must be set, as port: must be between 1 and 65535, got 0", fmt.Errorf("%w, as %w", url, port)},
		{"a line break in a value", "webhook.name: got a\nb", errors.New("name: got a\nb")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Below("webhook", tt.err); got.Error() != tt.want {
				t.Errorf("got\n%v, want\n%s", got, tt.want)
			}
		})
	}
	if err := Below("webhook", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// Whoever asks for an error by its value or its type finds it below any number of keys.
func TestBelowKeepsErrors(t *testing.T) {
	err := Below("stores[0]", Below("tls", errors.Join(
		errors.New("server_name: must be a name"),
		fmt.Errorf("ca_file: %w", &fs.PathError{Op: "open", Path: "ca.pem", Err: fs.ErrNotExist}),
	)))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	var path *fs.PathError
	if !errors.As(err, &path) || path.Path != "ca.pem" {
		t.Errorf("%v holds the path error %v, want that of ca.pem", err, path)
	}
}
