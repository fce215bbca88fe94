package nesting

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/consumer"
	_ "go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp" // registers the codec of OTLP
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

var errTooMuch = fmt.Errorf("messages nested to more than %d levels, or more than %d parts", MaxDepth, MaxParts)

// Bound returns the factory of the Collector's receiver otlp, whose receivers refuse what is nested
// too deep, whatever the config says.
func Bound() receiver.Factory {
	f := otlpreceiver.NewFactory()
	return receiver.NewFactory(f.Type(), f.CreateDefaultConfig,
		receiver.WithTraces(func(ctx context.Context, set receiver.Settings, c component.Config, next consumer.Traces) (receiver.Traces, error) {
			return bound(f.CreateTraces(ctx, set, withMiddleware(c), next))
		}, f.TracesStability()),
		receiver.WithMetrics(func(ctx context.Context, set receiver.Settings, c component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return bound(f.CreateMetrics(ctx, set, withMiddleware(c), next))
		}, f.MetricsStability()),
		receiver.WithLogs(func(ctx context.Context, set receiver.Settings, c component.Config, next consumer.Logs) (receiver.Logs, error) {
			return bound(f.CreateLogs(ctx, set, withMiddleware(c), next))
		}, f.LogsStability()))
}

// middlewareID is the name under which receivers find the middleware. No config can have an
// extension of that name, since there is no factory for it.
var middlewareID = component.MustNewID("gomonitor_nesting")

// withMiddleware adds the middleware to a config, as the last one: it sees what the decoder will
// see. The receiver tells configs of its three signals apart by their address, so it is changed
// in place.
func withMiddleware(c component.Config) component.Config {
	protocols := &c.(*otlpreceiver.Config).Protocols
	add := func(to *[]configmiddleware.Config) {
		ours := configmiddleware.Config{ID: middlewareID}
		if !slices.Contains(*to, ours) {
			*to = append(*to, ours)
		}
	}
	if protocols.GRPC.HasValue() {
		add(&protocols.GRPC.Get().Middlewares)
	}
	if protocols.HTTP.HasValue() {
		add(&protocols.HTTP.Get().ServerConfig.Middlewares)
	}
	return c
}

// bound returns a receiver that finds the middleware in its host.
func bound(r component.Component, err error) (component.Component, error) {
	return boundReceiver{r}, err
}

type boundReceiver struct{ component.Component }

// Start starts the receiver.
func (r boundReceiver) Start(ctx context.Context, host component.Host) error {
	return r.Component.Start(ctx, boundHost{host})
}

// boundHost is a host with the middleware among its extensions.
type boundHost struct{ component.Host }

// GetExtensions returns the extensions of the host, and the middleware.
func (h boundHost) GetExtensions() map[component.ID]component.Component {
	all := maps.Clone(h.Host.GetExtensions())
	if all == nil {
		all = make(map[component.ID]component.Component)
	}
	all[middlewareID] = middleware{}
	return all
}

// Report hands on what the receiver says of itself.
func (h boundHost) Report(e *componentstatus.Event) { componentstatus.ReportStatus(h.Host, e) }

// middleware refuses requests that are nested too deep.
type middleware struct {
	component.StartFunc
	component.ShutdownFunc
}

// GetHTTPHandler returns what wraps the handler of an HTTP server. It comes behind the decompression
// and the bound on the body's size.
func (middleware) GetHTTPHandler(context.Context) (func(context.Context, http.Handler) (http.Handler, error), error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			if tooMuch(body) || isJSON(req) && tooMuchJSON(body) {
				http.Error(w, errTooMuch.Error(), http.StatusBadRequest)
				return
			}
			req.Body = readAgain{bytes.NewReader(body), req.Body}
			next.ServeHTTP(w, req)
		}), nil
	}, nil
}

// isJSON reports whether the receiver will take a request for JSON.
func isJSON(req *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}

// readAgain is a body that was read before.
type readAgain struct {
	io.Reader
	io.Closer
}

// GetGRPCServerOptions returns the options of a gRPC server.
func (middleware) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{grpc.ForceServerCodecV2(codec{encoding.GetCodecV2("proto")})}, nil
}

// codec decodes what is not nested too deep.
type codec struct{ encoding.CodecV2 }

// Unmarshal decodes a message.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	message := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer message.Free()
	if tooMuch(message.ReadOnlyData()) {
		return status.Error(codes.InvalidArgument, errTooMuch.Error())
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{message}, v)
}
