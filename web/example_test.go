package web_test

import (
	"log"
	"net/http"

	monitor "github.com/blurooo/go-monitor/v2"
	"github.com/blurooo/go-monitor/v2/web"
)

func ExampleHandler() {
	m, err := monitor.New(monitor.Config{Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/quality/", web.Handler(m)) // github.com/blurooo/go-monitor/v2/web
}

func ExampleNew() {
	m, err := monitor.New(monitor.Config{Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	page, err := web.New(m, web.Config{
		Hosts:    []string{"quality.example"},
		TraceURL: "https://jaeger.example/trace/{trace_id}?uiFind={span_id}",
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/debug/quality/", page)
}
