package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"modernc.org/sqlite"
)

// shop is the service: three routes, a database and a payment provider.
type shop struct {
	db       *sql.DB
	folder   string // of the database
	payments *httptest.Server
	client   *http.Client
	sick     atomic.Bool
	asked    atomic.Int64 // requests to the payment provider
}

func init() {
	// SELECT sleep_ms(200) simulates a slow disk.
	sqlite.MustRegisterScalarFunction("sleep_ms", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if ms, ok := args[0].(int64); ok {
			time.Sleep(time.Duration(ms) * time.Millisecond)
		}
		return int64(0), nil
	})
}

func newShop(ctx context.Context) (*shop, error) {
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		return nil, err
	}
	s := &shop{folder: folder}
	s.db, err = otelsql.Open("sqlite", "file:"+filepath.Join(folder, "shop.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)&_pragma=wal_autocheckpoint(0)",
		otelsql.WithSpanNameFormatter(statementName),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			OmitConnResetSession: true, OmitConnectorConnect: true, OmitConnPrepare: true,
			OmitRows: true, DisableErrSkip: true,
		}))
	if err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(32)
	s.db.SetMaxIdleConns(32)
	for _, statement := range []string{
		`CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price INTEGER)`,
		`CREATE TABLE orders (id INTEGER PRIMARY KEY, product INTEGER, paid INTEGER)`,
		`INSERT INTO products SELECT value, 'product ' || value, value * 100 FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM n LIMIT 100) SELECT value FROM n)`,
	} {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", statement, err), s.close())
		}
	}
	s.payments = httptest.NewServer(http.HandlerFunc(s.pay))
	s.client = &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport), Timeout: 5 * time.Second}
	return s, nil
}

// statementName names a SQL span by what it does: "INSERT orders".
func statementName(_ context.Context, method otelsql.Method, query string) string {
	words := strings.Fields(query)
	for i, w := range words {
		switch strings.ToUpper(w) {
		case "FROM", "INTO", "TABLE":
			if i+1 < len(words) {
				return strings.ToUpper(words[0]) + " " + words[i+1]
			}
		}
	}
	return string(method)
}

func (s *shop) close() error {
	if s.payments != nil {
		s.payments.Close()
		s.client.CloseIdleConnections()
	}
	return errors.Join(s.db.Close(), os.RemoveAll(s.folder))
}

func (s *shop) setFault(on bool) { s.sick.Store(on) }

// handler returns the shop's routes, instrumented, and the switch of the fault.
func (s *shop) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /products/{id}", s.product)
	api.HandleFunc("POST /orders", s.order)
	api.HandleFunc("GET /orders/{id}", s.orderStatus)
	mux := http.NewServeMux()
	mux.Handle("/", otelhttp.NewHandler(api, "shop"))
	mux.HandleFunc("POST /fault/{state}", func(w http.ResponseWriter, r *http.Request) {
		s.setFault(r.PathValue("state") == "on")
		fmt.Fprintln(w, "fault on:", s.sick.Load())
	})
	return mux
}

func (s *shop) product(w http.ResponseWriter, r *http.Request) {
	delay := 0
	if s.sick.Load() {
		delay = 200
	}
	var name string
	var price int64
	err := s.db.QueryRowContext(r.Context(), `SELECT name, price + sleep_ms(?) FROM products WHERE id = ?`, delay, r.PathValue("id")).Scan(&name, &price)
	if err != nil {
		fail(w, err)
		return
	}
	fmt.Fprintf(w, "%s: %d\n", name, price)
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	result, err := s.db.ExecContext(r.Context(), `INSERT INTO orders (product, paid) VALUES (?, 0)`, r.FormValue("product"))
	if err != nil {
		fail(w, err)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, s.payments.URL+"/charge", nil)
	if err != nil {
		fail(w, err)
		return
	}
	res, err := s.client.Do(req)
	if err != nil {
		fail(w, err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		http.Error(w, "payment failed: "+res.Status, http.StatusBadGateway)
		return
	}
	id, _ := result.LastInsertId()
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintln(w, strconv.FormatInt(id, 10))
}

func (s *shop) orderStatus(w http.ResponseWriter, r *http.Request) {
	var paid bool
	err := s.db.QueryRowContext(r.Context(), `SELECT paid FROM orders WHERE id = ?`, r.PathValue("id")).Scan(&paid)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(w, r) // the caller's mistake, so no failure of this service
	case err != nil:
		fail(w, err)
	default:
		fmt.Fprintln(w, paid)
	}
}

func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// pay is the payment provider: a third party's service without tracing.
func (s *shop) pay(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(2 * time.Millisecond)
	if s.sick.Load() && s.asked.Add(1)%10 < 7 {
		http.Error(w, "overloaded", http.StatusServiceUnavailable)
	}
}
