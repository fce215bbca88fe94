package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// maxViewers is the number of those who may look on at a time.
	maxViewers = 500
	// pendingMessages is the number of messages that can wait for a viewer. One who does not
	// take them is sent away, and his browser comes back when it can.
	pendingMessages = 4
	// writeTimeout is the longest time that one message may take on its way.
	writeTimeout = 10 * time.Second
	// beatInterval is the time after which a silent stream says that it is alive.
	beatInterval = 25 * time.Second
)

// viewers are the streams of events that are open. All methods are safe for concurrent use.
type viewers struct {
	mu      sync.Mutex
	all     map[chan []byte]bool
	servers map[*http.Server]bool // whose shutdown ends the streams
	closed  bool
}

func (v *viewers) any() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.all) > 0
}

// send sends an event to all viewers, without waiting for any.
func (v *viewers) send(event string, data []byte) {
	message := eventText(event, data)
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.all {
		select {
		case c <- message:
		default:
			delete(v.all, c)
			close(c)
		}
	}
}

// eventText writes a server-sent event. data has no line breaks.
func eventText(event string, data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\ndata: ", event)
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes()
}

// close tells all viewers that the monitor was shut down.
func (v *viewers) close() {
	v.send("end", []byte("{}"))
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.drop()
}

// drop ends all streams.
func (v *viewers) drop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.all {
		close(c)
	}
	v.all = nil
}

// join returns the messages for a new viewer, and what to call when he leaves. It returns nil if
// there are too many.
func (v *viewers) join(ctx context.Context) (messages chan []byte, leave func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) >= maxViewers {
		return nil, nil
	}
	c := make(chan []byte, pendingMessages)
	if v.closed {
		close(c)
		return c, func() {}
	}
	if v.all == nil {
		v.all = make(map[chan []byte]bool)
	}
	v.all[c] = true
	// A server waits for open streams when it is shut down; these never end by themselves.
	if s, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && !v.servers[s] {
		if v.servers == nil {
			v.servers = make(map[*http.Server]bool)
		}
		v.servers[s] = true
		s.RegisterOnShutdown(v.drop)
	}
	return c, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.all[c] {
			delete(v.all, c)
			close(c)
		}
	}
}

// getEvents answers with a stream of events: "hello" at once, then "period" for each period that
// is judged, and "end" when the monitor is shut down.
func (p *page) getEvents(w http.ResponseWriter, r *http.Request) {
	messages, leave := p.viewers.join(r.Context())
	if messages == nil {
		w.Header().Set("Retry-After", "60")
		fail(w, http.StatusServiceUnavailable, "%d viewers are looking on already", maxViewers)
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not collect events
	out := http.NewResponseController(w)
	write := func(message []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // some servers can't; then their own holds
		if _, err := w.Write(message); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if !write([]byte("retry: 2000\n" + string(eventText("hello", []byte("{}"))))) {
		return
	}
	beat := time.NewTicker(beatInterval)
	defer beat.Stop()
	for {
		select {
		case message, ok := <-messages:
			if !ok || !write(message) {
				return
			}
		case <-beat.C:
			if !write([]byte(": beat\n\n")) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
