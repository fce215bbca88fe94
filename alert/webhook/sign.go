package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Headers of Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// secretPrefix is the prefix of the secrets of Standard Webhooks.
const secretPrefix = "whsec_"

// signingKey reads a secret of Standard Webhooks. Its errors don't show it.
func signingKey(secret alert.Secret) ([]byte, error) {
	const least, most = 24, 64
	encoded, ok := strings.CutPrefix(string(secret), secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < least || len(key) > most {
		return nil, errors.New("must be whsec_ followed by the base64 of 24 to 64 bytes (it is not shown, as it is a secret)")
	}
	return key, nil
}

// signatures returns the signature header of Standard Webhooks, one signature for each key.
func signatures(keys [][]byte, id string, at time.Time, body []byte) string {
	signed := append([]byte(id+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
	var all []string
	for _, key := range keys {
		all = append(all, "v1,"+mac(key, signed))
	}
	return strings.Join(all, " ")
}

// signDingTalk adds the timestamp and the signature that DingTalk requires to the query of u.
func signDingTalk(u *url.URL, secret alert.Secret, at time.Time) {
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	sign := mac([]byte(secret), []byte(timestamp+"\n"+string(secret)))
	query := "timestamp=" + timestamp + "&sign=" + url.QueryEscape(sign)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
}

// signFeishu returns the timestamp and the signature that Feishu requires. The text that
// others sign is Feishu's key, and the signed message is empty.
func signFeishu(secret alert.Secret, at time.Time) (timestamp, sign string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	return timestamp, mac([]byte(timestamp+"\n"+string(secret)), nil)
}

// mac returns the base64 of a message's HMAC-SHA256.
func mac(key, message []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
