package gomonitorreceiver

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/receiver/receiverhelper"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/blurooo/go-monitor/connector/internal/undecoded"
)

// httpService receives spans by HTTP.
type httpService struct {
	intake *intake
	report *receiverhelper.ObsReport
	budget *budget
}

// The encodings by their media types, and the answers to what went well.
const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
	jsonAnswer   = `{"partialSuccess":{}}`
)

// ServeHTTP deals with one request.
func (s *httpService) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		http.Error(w, fmt.Sprintf("method %s is not allowed, only POST is", req.Method), http.StatusMethodNotAllowed)
		return
	}
	contentType, ok := mediaType(req)
	if !ok {
		http.Error(w, "unsupported media type, supported: "+jsonType+", "+protobufType, http.StatusUnsupportedMediaType)
		return
	}
	b := body{budget: s.budget, bytes: memory{}.Get(0)}
	defer b.free()
	if err := b.read(req); err != nil {
		if code := http.StatusRequestEntityTooLarge; isTooLarge(err) {
			writeStatus(w, contentType, code, status.New(codes.InvalidArgument, err.Error()))
			return
		}
		s := status.New(codes.InvalidArgument, err.Error()) // the sender broke off, or compressed it badly
		if errors.Is(err, errBusy) {
			_, _ = io.Copy(io.Discard, req.Body) // else the answer would not reach a sender that is still sending
			s = statusOf(err)
		}
		writeStatus(w, contentType, httpStatusOf(s), s)
		return
	}
	request := undecoded.Request{Bytes: *b.bytes}
	if contentType == jsonType {
		request.Encoding = undecoded.JSON
	}
	if err := s.intake.consume(req.Context(), request, s.report); err != nil {
		s := statusOf(err)
		writeStatus(w, contentType, httpStatusOf(s), s)
		return
	}
	w.Header().Set("Content-Type", contentType)
	if contentType == jsonType {
		_, _ = io.WriteString(w, jsonAnswer) // nobody is left to tell
	}
}

// mediaType returns the media type of a request, if it is one of those of OTLP.
func mediaType(req *http.Request) (name string, ok bool) {
	switch name, _, _ = mime.ParseMediaType(req.Header.Get("Content-Type")); name {
	case protobufType, jsonType:
		return name, true
	}
	return "", false
}

// isTooLarge reports whether a request has more bytes than are allowed.
func isTooLarge(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.As(err, &tooLarge)
}

// body is the body of a request, in memory that is used again.
type body struct {
	budget *budget
	taken  int
	bytes  *[]byte
}

// read reads all of the body, as long as there is room for it. What the sender says of the
// length is not believed any further than memory is cheap.
func (b *body) read(req *http.Request) error {
	buf := (*b.bytes)[:0]
	defer func() { *b.bytes = buf }()
	want := int64(firstBody)
	if req.ContentLength >= 0 {
		want = min(req.ContentLength+1, mostKept) // one more, to see the end without growing
	}
	if !b.take(max(cap(buf), int(want))) {
		return errBusy
	}
	if cap(buf) < int(want) {
		buf = make([]byte, 0, want)
	}
	for {
		if len(buf) == cap(buf) {
			if !b.take(cap(buf)) {
				return errBusy
			}
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := req.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (b *body) take(bytes int) bool {
	if !b.budget.take(bytes) {
		return false
	}
	b.taken += bytes
	return true
}

// free gives the memory back.
func (b *body) free() {
	b.budget.give(b.taken)
	memory{}.Put(b.bytes)
}

// writeStatus says what went wrong, as OTLP asks for.
func writeStatus(w http.ResponseWriter, contentType string, code int, s *status.Status) {
	var text []byte
	var err error
	if contentType == jsonType {
		text, err = protojson.Marshal(plain(s))
	} else {
		text, err = proto.Marshal(s.Proto())
	}
	if err != nil {
		contentType, text = "text/plain; charset=utf-8", []byte(s.Message())
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryDelay/time.Second)))
	}
	w.WriteHeader(code)
	_, _ = w.Write(text) // nobody is left to tell
}

// plain returns a status without its details.
func plain(s *status.Status) *spb.Status {
	return &spb.Status{Code: int32(s.Code()), Message: s.Message()}
}

// writeError says what went wrong before a request came here.
func writeError(w http.ResponseWriter, req *http.Request, message string, code int) {
	contentType, ok := mediaType(req)
	if !ok {
		contentType = jsonType
	}
	of := codes.InvalidArgument
	if code >= http.StatusInternalServerError {
		of = codes.Internal
	}
	writeStatus(w, contentType, code, status.New(of, message))
}
