package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// load sends requests at a steady rate, whether or not the shop keeps up, as
// customers do.
type load struct {
	running sync.WaitGroup
	sent    atomic.Int64
	client  http.Client
}

// startLoad begins to send: about 40 reads of products, 15 orders and 10 looks at an
// order a second.
func startLoad(ctx context.Context, base string) *load {
	l := &load{client: http.Client{Timeout: 5 * time.Second}}
	l.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	l.every(ctx, time.Second/40, func() {
		l.send(ctx, http.MethodGet, fmt.Sprintf("%s/products/%d", base, 1+rand.IntN(100)))
	})
	l.every(ctx, time.Second/15, func() {
		l.send(ctx, http.MethodPost, fmt.Sprintf("%s/orders?%s", base, url.Values{"product": {"7"}}.Encode()))
	})
	l.every(ctx, time.Second/10, func() {
		l.send(ctx, http.MethodGet, fmt.Sprintf("%s/orders/%d", base, 1+rand.IntN(200)))
	})
	return l
}

// every calls f at a fixed interval, each time on a goroutine of its own.
func (l *load) every(ctx context.Context, interval time.Duration, f func()) {
	l.running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				l.running.Go(f)
			case <-ctx.Done():
				return
			}
		}
	})
}

func (l *load) send(ctx context.Context, method, target string) {
	// The end of the load does not cancel requests under way.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, target, nil)
	if err != nil {
		return
	}
	l.sent.Add(1)
	res, err := l.client.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// wait waits for the last answer and returns the number of requests sent.
func (l *load) wait() int64 {
	l.running.Wait()
	l.client.CloseIdleConnections()
	return l.sent.Load()
}
