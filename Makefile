# Every target covers all modules and sets up what it needs.

MODULES := . example fieldtest bench mail store otellog otelmetric connector
GO      ?= go
TOOLS   := $(CURDIR)/.tools

GOLANGCI_LINT_VERSION := v2.15.0
AXE_VERSION := 4.14.1
FUZZTIME ?= 30s
FUZZJOBS ?= $(shell getconf _NPROCESSORS_ONLN)
DURATION ?= 10m

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## watch a service get sick, raise alerts, get well and say so (25 s), or in a browser: DEMOFLAGS=-forever; "-restart" or "-to store=shop.db"
	@echo "building the demo (the first time this takes a minute or two) ..."
	@cd example && $(GO) build -o $(CURDIR)/bin/example .
	@$(CURDIR)/bin/example $(DEMOFLAGS)

.PHONY: service
service: ## build the standalone service to bin/go-monitor
	@echo "building go-monitor (the first time this takes some minutes) ..."
	@cd connector && $(GO) build -ldflags "-s -w" -o $(CURDIR)/bin/go-monitor ./cmd/go-monitor

.PHONY: run-service
run-service: service ## build the standalone service and run it; SERVICEFLAGS="--config mine.yaml"
	@bin/go-monitor $(SERVICEFLAGS)

.PHONY: test
test: ## run the tests of all modules with the race detector
	@for m in $(MODULES); do echo "== $$m"; (cd $$m && $(GO) test -race -timeout 10m ./...) || exit 1; done
	@echo "== . with the newest OpenTelemetry"; $(GO) test -race -timeout 10m -modfile newest.mod -tags newest ./...

.PHONY: deps
deps: ## install the tools that lint needs and the servers that tests start (Debian: as root)
	@test -x $(TOOLS)/golangci-lint && $(TOOLS)/golangci-lint version --short 2>/dev/null | grep -qx $(GOLANGCI_LINT_VERSION:v%=%) || { \
		echo "building golangci-lint $(GOLANGCI_LINT_VERSION) (about 90 s) ..."; \
		GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION); }
	@missing=; \
	command -v prometheus-alertmanager >/dev/null || missing="$$missing prometheus-alertmanager"; \
	command -v prometheus >/dev/null || missing="$$missing prometheus"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -z "$$missing" ]; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "installing$$missing ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "the tests that need$$missing will be skipped: install what is missing"; fi
	@test -f $(TOOLS)/node_modules/axe-core/axe.min.js || { command -v npm >/dev/null && \
		npm install --prefix $(TOOLS) --ignore-scripts --no-audit --no-fund --silent axe-core@$(AXE_VERSION); } || \
		echo "the tests that look for obstacles on the page will be skipped: there is no axe-core"

.PHONY: lint
lint: deps ## run the linters over all modules
	@sleepy=$$(git grep -lE 'time\.(Sleep|Tick)\(' -- '*_test.go' | xargs -r grep -L testing/synctest); \
	test -z "$$sleepy" || { echo "tests may sleep in testing/synctest only:"; echo "$$sleepy"; exit 1; }
	@for m in $(MODULES); do echo "== $$m"; (cd $$m && $(TOOLS)/golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

.PHONY: bench
bench: ## measure what it costs, beside what one would use instead (8 min); BENCHFLAGS=-short: 1 min
	@# GO_MONITOR_2018=<a checkout of github.com/blurooo/go-monitor as of 2018> compares with it, too.
	@GO="$(GO)" GO_MONITOR_2018="$(GO_MONITOR_2018)" bench/run $(BENCHFLAGS)
	@case " $(BENCHFLAGS) " in *" -short "*) ;; *) $(MAKE) bench-service ;; esac

.PHONY: bench-service
bench-service: ## measure the service beside a Collector that makes span metrics: same requests, CPU by /proc (3 min)
	@echo "building the service and the Collector (the first time this takes some minutes) ..."
	@cd connector && $(GO) test -run '^$$' -bench '^Benchmark(Service|Cores|Start)$$' -benchtime 3s ./cmd/go-monitor
	@cd connector && $(GO) test -run '^$$' -bench '^BenchmarkCommand$$' -benchtime 3s ./replay

.PHONY: fuzz
# A target that is stopped while it runs an input ends with "context deadline exceeded" (go.dev/issue/56238): that is no finding.
fuzz: ## run every fuzz target of every module for FUZZTIME (default 30s), as many at once as there are cores
	@for m in $(MODULES); do (cd $$m && $(GO) list -f '{{.Dir}}' ./...) || exit 1; done | while read -r d; do \
		grep -ho '^func Fuzz[A-Za-z0-9_]*' $$d/*_test.go | while read -r _ f; do echo "$$d $$f"; done; done | \
		xargs -P $(FUZZJOBS) -L1 sh -c 'cd $$0 && out=$$($(GO) test -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x -parallel 1 . 2>&1); ok=$$?; \
			if [ $$ok = 0 ] || { echo "$$out" | grep -q "^    context deadline exceeded" && ! echo "$$out" | grep -q "Failing input"; }; then echo "$$1: $$(echo "$$out" | tail -n1)"; else echo "== $$0 $$1"; echo "$$out"; exit 255; fi'

.PHONY: soak
soak: ## run a monitor under hard conditions for DURATION (default 10m), and check that it kept its promises
	@cd example && $(GO) build -o $(CURDIR)/bin/soak ./soak
	@$(CURDIR)/bin/soak -duration $(DURATION) $(SOAKFLAGS)

.PHONY: tidy
tidy: ## tidy all modules and format all code
	@for m in $(MODULES); do (cd $$m && $(GO) mod tidy) || exit 1; done
	@gofmt -w $$(git ls-files '*.go')

# The versions that the nested modules ask for say which release this would be.
VERSION ?= $(shell sed -nE 's,.*go-monitor/v2 (v2[^ ]*).*,\1,p' store/go.mod)

.PHONY: release-versions
release-versions: ## have the modules require each other at VERSION, before its commit is tagged
	@for m in example fieldtest bench mail store otellog otelmetric connector; do \
		sed -i.orig -E 's,(go-monitor/v2 )v2\.[^ ]+,\1$(VERSION),; s,(go-monitor/(mail|store|otellog|otelmetric|connector) )v1\.[^ ]+,\1$(VERSION:v2%=v1%),' $$m/go.mod && rm $$m/go.mod.orig || exit 1; \
	done

.PHONY: release-check
release-check: ## let programs elsewhere get all modules as they would be tagged; WITH= leaves out the connector
	@.ci/release-check $(VERSION) $(WITH)
WITH ?= connector

.PHONY: dist
dist: ## build the service for all systems into dist/, with checksums and bills of materials
	@.ci/dist $(VERSION) "$(TARGETS)"
