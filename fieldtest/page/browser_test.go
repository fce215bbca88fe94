package page

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a browser that looks at a page. When the test ends it must not have found a fault, nor asked
// another host for anything.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string
}

// looks says how a browser looks at a page.
type looks struct {
	width, height int64
	dark          bool
	language      string
}

var desk = looks{1440, 900, false, "en-US"}

// skip skips a test that lacks something, or fails it where all has to be there.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("GO_MONITOR_NO_SKIP") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// newTab opens a page.
func newTab(t *testing.T, address string, l looks) *tab {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		skip(t, "there is no chromium: make deps installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.Flag("lang", l.language), chromedp.Flag("accept-lang", l.language))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Error(f)
		}
	})
	own, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, func(ev any) { b.listen(own.Host, ev) }); err != nil {
		t.Fatal(err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 500})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	b.run(chromedp.Navigate(address))
	return b
}

// listen looks for faults in what the browser says.
func (b *tab) listen(host string, ev any) {
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		b.fault("exception: %v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			b.fault("console: %s", e.Args[0].Value)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			b.fault("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != host && u.Scheme != "about" && u.Scheme != "data" {
			b.fault("a request to %s", e.Request.URL)
		}
	}
}

// call sends a command to the browser.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *tab) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// value returns what an expression is.
func (b *tab) value(expression string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	if text, ok := v.(string); ok {
		return text
	}
	return fmt.Sprint(v)
}

// is waits until an expression is what it should be.
func (b *tab) is(want, expression string) {
	b.t.Helper()
	// The browser looks each time it draws, so nobody has to guess how long it takes.
	script := fmt.Sprintf(`new Promise((done) => {
		const until = performance.now() + 10000;
		const look = () => {
			let v; try { v = %s; } catch (e) { v = String(e); }
			if (String(v) === %q || performance.now() > until) done(String(v)); else setTimeout(look, 20);
		};
		look();
	})`, expression, want)
	if got := b.value(script); got != want {
		b.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// press presses a key.
func (b *tab) press(key string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(key))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.run(chromedp.Click(selector, chromedp.NodeVisible))
}

// accessible fails the test for each serious fault that axe-core finds.
func (b *tab) accessible(what string) {
	b.t.Helper()
	axe, err := os.ReadFile("../../.tools/node_modules/axe-core/axe.min.js")
	if err != nil {
		skip(b.t, "there is no axe-core: make deps installs it")
	}
	b.value(string(axe) + "; 0")
	found := b.value(`axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.target + ' ' + (n.any[0] ? n.any[0].message : n.failureSummary)).join(' | ')).join('\n'))`)
	if found != "" {
		b.t.Errorf("%s: axe-core finds\n%s", what, found)
	}
}

// rowOf is a script that finds an operation's row.
func rowOf(operation string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.rows .row')].find((r) => r.querySelector('.name').textContent === %q)`, operation)
}

func stateOf(operation string) string {
	return rowOf(operation) + `.className.match(/is-(\w+)/)[1]`
}

const rowNames = `[...document.querySelectorAll('.rows .row')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((r) => r.querySelector('.name').textContent).join(', ')`
