package alert

import "testing"

func TestTLSValidate(t *testing.T) {
	for _, c := range []TLS{{}, {CertFile: "c", KeyFile: "k"}, {ServerName: "a", CAFile: "missing.pem"}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for want, c := range map[string]TLS{
		`cert_file: must be set together with key_file, got "c" and ""`: {CertFile: "c"},
		`cert_file: must be set together with key_file, got "" and "k"`: {KeyFile: "k"},
	} {
		if err := c.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
