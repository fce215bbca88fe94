package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/internal/httpheader"
)

// limitWait is how long to wait where a chat says that it got too much: chats count by the
// minute.
const limitWait = time.Minute

// failure is an error that shows only its text. The error behind it may hold secrets, so it is
// not kept, unless it is a context's.
type failure struct {
	text string
	is   error // a context's error, or nil
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.is }

// noAnswer returns the error of a request that got no answer. ctx is the caller's.
func (n *Notifier) noAnswer(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return &failure{text: "given up: " + ended.Error(), is: ended}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &failure{text: fmt.Sprintf("no answer within %s", n.config.Timeout), is: context.DeadlineExceeded}
	}
	var (
		redirect *redirectError
		blocked  *blockedError
		request  *url.Error
	)
	switch {
	case errors.As(err, &redirect):
		return alert.Final(&failure{text: redirect.Error()})
	case errors.As(err, &blocked):
		return alert.Final(&failure{text: blocked.Error()})
	case errors.As(err, &request): // it holds the whole URL
		err = request.Err
	}
	return &failure{text: n.redact.text(err.Error())}
}

// judge returns the error that an answer means, nil if the receiver took the notification.
// err is the error of reading its body.
func (n *Notifier) judge(resp *http.Response, body []byte, err error, now time.Time) error {
	status := resp.StatusCode
	taken := status >= 200 && status < 300
	wait := httpheader.RetryAfter(resp.Header, now)
	if codes, ok := chatCodes[n.config.Format]; ok {
		code, ok := codes.read(body)
		failed := n.failed("code "+strconv.FormatInt(code, 10), body)
		switch {
		case slices.Contains(codes.limited, code) || codes.isTooMany(code, body):
			return alert.RetryAfter(failed, max(limitWait, wait))
		case slices.Contains(codes.busy, code):
			return failed
		case taken && err != nil:
			return &failure{text: "the answer can't be read: " + n.redact.text(err.Error())}
		case taken && !ok:
			return n.failed("an answer without a code", body)
		case taken && code != 0:
			return alert.Final(failed)
		}
	}
	if taken {
		return nil
	}
	failed := n.failed(strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status))), body)
	if !isRetryable(status) {
		return alert.Final(failed)
	}
	if wait > 0 {
		return alert.RetryAfter(failed, wait)
	}
	return failed
}

// failed returns an error that quotes a receiver's answer.
func (n *Notifier) failed(what string, body []byte) error {
	if len(body) > 0 {
		what += fmt.Sprintf(": %q", n.redact.text(strings.TrimSpace(string(body))))
	}
	return &failure{text: what}
}

// isRetryable reports whether the receiver may take the same request later.
func isRetryable(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// codes says how a chat reports in the body of its answer whether it took a message.
type codes struct {
	keys    []string // of the code; the first that is there counts
	limited []int64  // codes for too many messages
	busy    []int64  // codes for an error of the chat itself
	tooMany int64    // a code for any bad request, also for too many messages, as its text says
}

var chatCodes = map[Format]codes{
	Feishu:   {keys: []string{"code", "StatusCode"}, limited: []int64{11232, 11233, 230020, 99991400}, tooMany: 9499},
	DingTalk: {keys: []string{"errcode"}, limited: []int64{90018, 90030, 130101, 410100}, busy: []int64{-1}},
	WeCom:    {keys: []string{"errcode"}, limited: []int64{45009, 45033}, busy: []int64{-1}},
}

// read returns the code in an answer, false if there is none.
func (c codes) read(body []byte) (int64, bool) {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		return 0, false
	}
	for _, key := range c.keys {
		var code int64
		if raw, ok := answer[key]; ok && json.Unmarshal(raw, &code) == nil {
			return code, string(raw) != "null"
		}
	}
	return 0, false
}

// isTooMany reports whether an answer says by its text alone that the chat got too much.
func (c codes) isTooMany(code int64, body []byte) bool {
	return c.tooMany != 0 && code == c.tooMany && bytes.Contains(bytes.ToLower(body), []byte("too many request"))
}
