package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// newTransport returns a transport of the notifier's own, which nothing instruments.
func newTransport(c *Config) (*http.Transport, error) {
	config, err := c.TLS.Client()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.Timeout}
	proxy := proxyOfEnvironment
	if c.BlockPrivate {
		dialer.Control = onlyPublic
		proxy = nil
	}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    c.Timeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: MaxResponse,
	}, nil
}

// proxyOfEnvironment is http.ProxyFromEnvironment, but its errors don't show the proxy's
// password.
func proxyOfEnvironment(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the environment's proxy can't be read as a URL")
	}
	return u, nil
}
