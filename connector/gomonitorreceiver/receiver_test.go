package gomonitorreceiver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/blurooo/go-monitor/connector/otlpwire"
)

// configOf returns the configuration of a Collector with a receiver, and more of the pipelines.
func configOf(receiver, settings, exporters string) string {
	return fmt.Sprintf(`
receivers: {%[1]s: {protocols: {grpc: {endpoint: GRPC}, http: {endpoint: HTTP}}%[2]s}}
processors: {batch: {}, memory_limiter: {check_interval: 1s, limit_mib: 100000}}
exporters: {sink: {}}
connectors: {gomonitor: {period: 1h, logs: {summaries: true}, objective: {latency_target: 300ms}}, gomonitor/b: {period: 1h}}
service:
  telemetry: {metrics: {level: none}, logs: {level: fatal}}
  pipelines:
    traces: {receivers: [%[1]s], processors: [memory_limiter], exporters: %[3]s}
    logs: {receivers: [gomonitor], exporters: [sink]}
`, receiver, settings, exporters)
}

const own = "gomonitor/otlp"

// Whatever the protocol, the encoding and the receiver, and whether somebody else gets the spans,
// too: the same is counted.
func TestSameResultsAsOTLP(t *testing.T) {
	end := time.Now().Truncate(time.Hour).Add(time.Minute) // in the same period, or counted in that
	td := calls(end, 200)
	requests := map[string]func(t *testing.T, c *collector){
		"gRPC": func(t *testing.T, c *collector) {
			if err := sendGRPC(t.Context(), dial(t, c.grpc), protobufOf(t, td)); err != nil {
				t.Fatal(err)
			}
		},
		"gRPC, gzip": func(t *testing.T, c *collector) {
			if err := sendGRPC(t.Context(), dial(t, c.grpc), protobufOf(t, td), grpc.UseCompressor("gzip")); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, encode := range map[string]func(testing.TB, []byte) []byte{"": nil, "gzip": gzipped, "zstd": zstded} {
		for contentType, request := range map[string][]byte{protobufType: protobufOf(t, td), jsonType: jsonOf(t, td)} {
			requests["HTTP, "+contentType+", "+name] = func(t *testing.T, c *collector) {
				body := request
				if encode != nil {
					body = encode(t, body)
				}
				resp, answer := post(t, c.http, contentType, name, body)
				if resp.StatusCode != http.StatusOK || contentType == jsonType && string(answer) != jsonAnswer || resp.Header.Get("Content-Type") != contentType {
					t.Errorf("answer %s %q of type %q", resp.Status, answer, resp.Header.Get("Content-Type"))
				}
			}
		}
	}
	var want []string
	for _, way := range []struct {
		name, receiver, exporters string
		isUndecoded               bool
	}{
		{"otlp", "otlp", "[gomonitor]", false},
		{"undecoded", own, "[gomonitor]", true},
		{"decoded", own, "[gomonitor, sink]", false},
	} {
		for name, send := range requests {
			t.Run(way.name+", "+name, func(t *testing.T) {
				c := startCollector(t, strings.Replace(configOf(way.receiver, "", way.exporters), ", gomonitor/b: {period: 1h}", "", 1), extraComponents{})
				send(t, c)
				if way.receiver == own && c.receiver.intake.undecoded != way.isUndecoded {
					t.Errorf("undecoded: %t, want %t", c.receiver.intake.undecoded, way.isUndecoded)
				}
				c.stop(t)
				got := c.summaries()
				if want == nil {
					want = got
				}
				if diff := gocmp.Diff(want, got); diff != "" || len(got) == 0 {
					t.Errorf("(-otlp +got):\n%s", diff)
				}
				if forwarded := c.traces.SpanCount(); strings.Contains(way.exporters, "sink") && forwarded != td.SpanCount() {
					t.Errorf("%d spans were handed on, want %d", forwarded, td.SpanCount())
				}
			})
		}
	}
}

// Requests are handed on undecoded only if nobody but connectors of go-monitor gets them, and all
// of these do.
func TestUndecoded(t *testing.T) {
	const two = `
    traces/b: {receivers: [gomonitor/otlp], processors: [%s], exporters: [gomonitor/b]}
    logs/b: {receivers: [gomonitor/b], exporters: [sink]}
`
	for name, tt := range map[string]struct {
		config string
		extra  extraComponents
		want   bool
	}{
		"one connector":                    {configOf(own, "", "[gomonitor]"), extraComponents{}, true},
		"two connectors":                   {configOf(own, "", "[gomonitor]") + fmt.Sprintf(two, "memory_limiter"), extraComponents{}, true},
		"one of them behind a batch":       {configOf(own, "", "[gomonitor]") + fmt.Sprintf(two, "batch"), extraComponents{}, false},
		"an exporter":                      {configOf(own, "", "[gomonitor, sink]"), extraComponents{}, false},
		"an exporter elsewhere":            {configOf(own, "", "[gomonitor]") + "\n    traces/c: {receivers: [gomonitor/otlp], exporters: [sink]}\n", extraComponents{}, false},
		"other connectors are compiled in": {configOf(own, "", "[gomonitor]"), extraComponents{connector: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			config := tt.config
			if !strings.Contains(config, "logs/b") {
				config = strings.Replace(config, ", gomonitor/b: {period: 1h}", "", 1)
			}
			c := startCollector(t, config, tt.extra)
			if got := c.receiver.intake.undecoded; got != tt.want {
				t.Errorf("undecoded: %t, want %t", got, tt.want)
			}
			if err := sendGRPC(t.Context(), dial(t, c.grpc), protobufOf(t, calls(time.Now(), 10))); err != nil {
				t.Fatal(err)
			}
			c.stop(t)
			if got := c.calls(); got != 30 {
				t.Errorf("%d calls, want 30", got)
			}
		})
	}
}

// A request that is malformed is refused as a whole, whatever the way it comes by, and counts
// nothing.
func TestMalformed(t *testing.T) {
	good, goodJSON := protobufOf(t, calls(time.Now(), 10)), jsonOf(t, calls(time.Now(), 10))
	deep := strings.Repeat(`{"arrayValue":{"values":[`, 100_000) // ends there
	for _, exporters := range []string{"[gomonitor]", "[gomonitor, sink]"} {
		t.Run(exporters, func(t *testing.T) {
			c := startCollector(t, strings.Replace(configOf(own, "", exporters), ", gomonitor/b: {period: 1h}", "", 1), extraComponents{})
			conn := dial(t, c.grpc)
			for name, request := range map[string][]byte{
				"cut off": good[:len(good)-1], "garbage at the end": append(good[:len(good):len(good)], 0xff), "nested": nested(1 << 17),
			} {
				if err := sendGRPC(t.Context(), conn, request, grpc.MaxCallSendMsgSize(64<<20)); status.Code(err) != codes.InvalidArgument && name != "nested" {
					t.Errorf("%s: gRPC says %v", name, err)
				}
				for _, encoding := range []string{"", "gzip"} {
					body := request
					if encoding != "" {
						body = gzipped(t, request)
					}
					if resp, answer := post(t, c.http, protobufType, encoding, body); resp.StatusCode != http.StatusBadRequest {
						t.Errorf("%s: HTTP says %s %q", name, resp.Status, answer)
					}
				}
			}
			for _, request := range []string{string(goodJSON[:len(goodJSON)-1]), string(goodJSON) + "}", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":` + deep} {
				resp, answer := post(t, c.http, jsonType, "", []byte(request))
				if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(answer), otlpwire.ErrMalformed.Error()) {
					t.Errorf("HTTP says %s %q", resp.Status, answer)
				}
			}
			if resp, _ := post(t, c.http, protobufType, "gzip", good); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("what is not compressed: %s", resp.Status)
			}
			if resp, _ := post(t, c.http, "text/plain", "", good); resp.StatusCode != http.StatusUnsupportedMediaType {
				t.Errorf("text: %s", resp.Status)
			}
			if resp, err := http.Get("http://" + c.http + defaultPath); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("GET: %v %v", resp.Status, err)
			} else {
				_ = resp.Body.Close()
			}
			http.DefaultClient.CloseIdleConnections()
			c.stop(t)
			if got := c.calls(); got != 0 {
				t.Errorf("%d calls were counted", got)
			}
			if n := c.traces.SpanCount(); n != 0 {
				t.Errorf("%d spans were handed on", n)
			}
			if used := c.receiver.budget.used.Load(); used != 0 {
				t.Errorf("%d bytes are still taken", used)
			}
		})
	}
}

// nested returns a request whose only attribute is nested to a depth.
func nested(depth int) []byte {
	length := func(to []byte, n int) []byte {
		for n >= 0x80 {
			to, n = append(to, byte(n)|0x80), n>>7
		}
		return append(to, byte(n))
	}
	// From the inside out, in reverse.
	var reversed []byte
	push := func(tag byte) {
		head := length([]byte{tag}, len(reversed))
		for i := len(head) - 1; i >= 0; i-- {
			reversed = append(reversed, head[i])
		}
	}
	for range depth {
		push(0x0a) // the list's item
		push(0x2a) // the list
	}
	for _, tag := range []byte{0x12, 0x4a, 0x12, 0x12, 0x0a} {
		push(tag)
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return reversed
}

// Under more load than there is room for, what is refused is refused as a whole, and the sender
// is told when to try again: what was sent is what was counted and what was refused.
func TestOverload(t *testing.T) {
	c := startCollector(t, strings.Replace(configOf(own, ", max_in_flight_mib: 1", "[gomonitor]"), ", gomonitor/b: {period: 1h}", "", 1), extraComponents{})
	td := calls(time.Now(), 600)
	request, text := protobufOf(t, td), jsonOf(t, td)
	var accepted, refused, toldRetry atomic.Int64
	var senders sync.WaitGroup
	for i := range 16 {
		senders.Go(func() {
			conn := dial(t, c.grpc)
			for range 10 {
				if i%2 == 0 {
					err := sendGRPC(t.Context(), conn, request)
					switch s := status.Convert(err); {
					case err == nil:
						accepted.Add(1)
					case s.Code() == codes.ResourceExhausted:
						refused.Add(1)
						for _, d := range s.Details() {
							if info, ok := d.(*errdetails.RetryInfo); ok && info.RetryDelay.AsDuration() == retryDelay {
								toldRetry.Add(1)
							}
						}
					default:
						t.Error(err)
					}
					continue
				}
				resp, answer := post(t, c.http, jsonType, "", text)
				switch resp.StatusCode {
				case http.StatusOK:
					accepted.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
					if resp.Header.Get("Retry-After") == "1" {
						toldRetry.Add(1)
					}
				default:
					t.Errorf("%s %q", resp.Status, answer)
				}
			}
		})
	}
	senders.Wait()
	c.stop(t)
	if got, want := c.calls(), accepted.Load()*int64(td.SpanCount()); got != want {
		t.Errorf("%d calls were counted, want %d", got, want)
	}
	if accepted.Load() == 0 || refused.Load() == 0 || toldRetry.Load() != refused.Load() {
		t.Errorf("%d accepted, %d refused, %d told when to try again", accepted.Load(), refused.Load(), toldRetry.Load())
	}
	if used := c.receiver.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
}

// A body that is longer than allowed, or ends early, is refused.
func TestBodies(t *testing.T) {
	c := startCollector(t, strings.Replace(strings.Replace(configOf(own, "", "[gomonitor]"), "http: {endpoint: HTTP}", "http: {endpoint: HTTP, max_request_body_size: 1000}", 1), ", gomonitor/b: {period: 1h}", "", 1), extraComponents{})
	if resp, answer := post(t, c.http, protobufType, "", make([]byte, 1001)); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s %q", resp.Status, answer)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.http+defaultPath, io.MultiReader(strings.NewReader("\x0a"), failing{}))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", protobufType)
	if _, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req); err == nil {
		t.Error("a broken request went well")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestConfig(t *testing.T) {
	if err := componenttest.CheckConfigStruct(defaultConfig()); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"{}":                        "protocols: must have grpc, http or both",
		"{protocols: {grpc: null}}": "",
		"{protocols: {http: {traces_url_path: /x}}}":                         "",
		"{protocols: {http: {traces_url_path: 'a b'}}}":                      `protocols.http.traces_url_path: must be a path, got "a b"`,
		"{protocols: {grpc: {}}, max_in_flight_mib: -1}":                     "max_in_flight_mib: must be between 1 and 1048576, got -1",
		"{protocols: {grpc: {endpoint: '0.0.0.0:1'}}, max_in_flight_mib: 8}": "",
	} {
		c := defaultConfig().(*Config)
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		conf, err := retrieved.AsConf()
		if err != nil {
			t.Fatal(err)
		}
		if err := conf.Unmarshal(c); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: error %q, want %q", text, got, want)
		}
	}
}
