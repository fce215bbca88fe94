module github.com/blurooo/go-monitor

go 1.26.0
