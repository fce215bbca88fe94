package page

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/web"
)

// A service that fails is seen to fail, and to be well again, while somebody looks on.
func TestLiveService(t *testing.T) {
	m, err := monitor.New(monitor.Config{
		Name: "live", Period: 400 * time.Millisecond, Notifiers: []alert.Notifier{}, Sinks: []engine.Sink{},
		Objective: engine.Objective{AlertAfter: 2, RecoverAfter: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
	var isSick atomic.Bool
	api := http.NewServeMux()
	api.HandleFunc("GET /cart", func(w http.ResponseWriter, _ *http.Request) {
		if isSick.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/", otelhttp.NewHandler(api, "live", otelhttp.WithTracerProvider(tp)))
	mux.Handle("/debug/quality/", web.Handler(m))
	server := httptest.NewServer(mux)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			resp, err := server.Client().Get(server.URL + "/cart")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
	t.Cleanup(func() {
		stop()
		load.Wait()
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close()
	})

	b := newTab(t, server.URL+"/debug/quality/", desk)
	b.is("good", stateOf("GET /cart"))
	isSick.Store(true)
	b.is("firing", stateOf("GET /cart"))
	b.is("1 incident is open", `document.querySelector('h1').textContent`)
	isSick.Store(false)
	b.is("good", stateOf("GET /cart"))
	b.is("All is well", `document.querySelector('h1').textContent`)
}
