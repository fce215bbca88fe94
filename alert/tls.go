package alert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLS says which servers to trust on an encrypted connection to where alerts go, and how to
// authenticate to them. It is plain data; a zero field means its default.
type TLS struct {
	// CAFile holds the certificates, in PEM, of the authorities to trust instead of the
	// system's. Default: the system's.
	CAFile string `mapstructure:"ca_file"`
	// CertFile and KeyFile hold the certificate and the key, in PEM, to authenticate with.
	// They are read again for each connection, so that they may be renewed. Default: none.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	// ServerName is the name that the servers' certificates must be for. Default: the host
	// of the URL.
	ServerName string `mapstructure:"server_name"`
	// InsecureSkipVerify trusts every server, so that anyone on the network between can
	// read and change what is sent. Default: false.
	InsecureSkipVerify bool `mapstructure:"insecure_skip_verify"`
}

// Validate returns an error that names the key if only one of CertFile and KeyFile is set.
// It does not read files.
func (t TLS) Validate() error {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return fmt.Errorf("cert_file: must be set together with key_file, got %q and %q", t.CertFile, t.KeyFile)
	}
	return nil
}

// Client returns the configuration of a client, for TLS 1.2 or later. It reads the files
// that t names; its errors name the key, below "tls".
func (t TLS) Client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %q holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("tls.cert_file, tls.key_file: %w", err)
			}
			return &cert, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return c, nil
}
