package webhook

import (
	"fmt"
	"net/http"
	"strings"
)

// maxRedirects is the number of redirects that are followed.
const maxRedirects = 3

// redirectError says why a redirect is not followed.
type redirectError struct {
	status int
	to     string // redacted
	why    string
}

func (e *redirectError) Error() string {
	return fmt.Sprintf("%d %s: redirect to %s not followed: %s", e.status, http.StatusText(e.status), e.to, e.why)
}

// follow is an http.Client's CheckRedirect. It follows a redirect unless it would drop the
// body or leave https. Secrets are not sent to another host.
func (n *Notifier) follow(req *http.Request, via []*http.Request) error {
	refuse := func(why string) error {
		to := req.URL.Scheme + "://" + req.URL.Host
		return &redirectError{status: req.Response.StatusCode, to: n.redact.text(to), why: why}
	}
	last := via[len(via)-1].URL
	switch {
	case req.Method != http.MethodPost:
		return refuse("it would turn the POST into a GET; set url to where it leads")
	case len(via) > maxRedirects:
		return refuse(fmt.Sprintf("it is the %dth one", len(via)))
	case req.URL.Scheme != "https" && req.URL.Scheme != last.Scheme:
		return refuse("it leads away from https")
	}
	// The client would tell every host the URL of the one before.
	req.Header.Del("Referer")
	elsewhere := !strings.EqualFold(req.URL.Host, via[0].URL.Host)
	for _, r := range via {
		elsewhere = elsewhere || !strings.EqualFold(r.URL.Host, via[0].URL.Host)
	}
	if elsewhere {
		for name := range n.config.Headers {
			req.Header.Del(name)
		}
		for _, name := range []string{headerID, headerTimestamp, headerSignature} {
			req.Header.Del(name)
		}
	}
	return nil
}
