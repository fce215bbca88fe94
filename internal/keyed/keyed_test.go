package keyed

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
)

func TestBelow(t *testing.T) {
	one, other := fmt.Errorf("one: %w", io.EOF), fmt.Errorf("other: %w", fs.ErrNotExist)
	tests := map[string]struct {
		err  error
		want string
	}{
		"one":                    {one, "key.one: EOF"},
		"joined":                 {errors.Join(one, other), "key.one: EOF\nkey.other: file does not exist"},
		"joined twice":           {errors.Join(one, errors.Join(other, one), other), "key.one: EOF\nkey.other: file does not exist\nkey.one: EOF\nkey.other: file does not exist"},
		"joined alone":           {errors.Join(one), "key.one: EOF"},
		"below another key":      {Below("inner", errors.Join(one, other)), "key.inner.one: EOF\nkey.inner.other: file does not exist"},
		"several errors wrapped": {fmt.Errorf("%w, and %w", one, other), "key.one: EOF, and other: file does not exist"},
		"of two lines":           {errors.New("a: b\nc"), "key.a: b\nc"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := Below("key", tt.err)
			if err.Error() != tt.want {
				t.Errorf("%q, want %q", err, tt.want)
			}
			for _, target := range []error{io.EOF, fs.ErrNotExist} {
				if errors.Is(err, target) != errors.Is(tt.err, target) {
					t.Errorf("errors.Is(%v) is %t, want %t", target, errors.Is(err, target), errors.Is(tt.err, target))
				}
			}
		})
	}
	if err := Below("key", nil); err != nil {
		t.Errorf("%v below a key, want nil", err)
	}
	if err := Below("key", errors.Join()); err != nil {
		t.Errorf("%v below a key, want nil", err)
	}
}
