package page

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/blurooo/go-monitor/v2/engine"
	"github.com/blurooo/go-monitor/v2/web"
)

// A row goes red within two periods of a fault, and green again, without anybody touching the
// page.
func TestLive(t *testing.T) {
	s := newShop(t)
	b := newTab(t, s.url, desk)
	b.is("Waiting for the first period", `document.querySelector('h1').textContent`)
	s.calls("shop", "GET /cart", 500, 0, time.Millisecond)
	s.partial()
	b.is("Waiting for the first whole period", `document.querySelector('h1').textContent`)
	s.close(nil)
	b.is("Nobody calls at the moment", `document.querySelector('h1').textContent`)
	s.minute(false)
	b.is("All is well", `document.querySelector('h1').textContent`)
	b.is("good", stateOf("POST /charge"))
	b.is("100\u00a0%", rowOf("POST /charge")+`.querySelector('.c-success .value').textContent`)
	s.minute(true)
	b.is("pending", stateOf("POST /charge"))
	s.minute(true)
	b.is("firing", stateOf("POST /charge"))
	b.is("firing", stateOf("POST /orders"))
	b.is("50\u00a0%", rowOf("POST /charge")+`.querySelector('.c-success .value').textContent`)
	b.is("1 incident is open", `document.querySelector('h1').textContent`)
	b.is("POST /charge", `document.querySelector('.incident h2 a').textContent`)
	b.is("explains 1 more alert", `document.querySelector('.incident summary').textContent`)
	b.is("▲ 1 shop", `document.title`)
	b.is("POST /charge, POST /orders, GET /products/{id}, GET /cart", rowNames)
	s.minute(false)
	b.is("recovering", stateOf("POST /charge"))
	s.minute(false)
	b.is("good", stateOf("POST /charge"))
	b.is("All is well", `document.querySelector('h1').textContent`)
	b.click(".ended summary")
	b.is("POST /charge", `document.querySelector('.ended b').textContent`)
	s.end()
	b.is("The monitor was shut down. Nothing changes any more.", `document.querySelector('.banner').textContent`)
}

// One finds one's way: into an incident, to an operation, back, and by the address alone.
func TestWays(t *testing.T) {
	s := newShop(t)
	for _, isSick := range []bool{false, false, true, true} {
		s.minute(isSick)
	}
	b := newTab(t, s.url, desk)
	b.click(".incident h2 a")
	b.is("POST /charge", `document.querySelector('h1').textContent`)
	b.is("50\u00a0% succeed (target 95\u00a0%)", `document.querySelector('.lead').textContent`)
	b.is("true", `document.querySelectorAll('.graph .node').length === 2 && document.querySelector('.graph .is-root .node-name').textContent === 'POST /charge'`)
	b.is("3", `document.querySelectorAll('.chart canvas').length`)
	b.is("503", `document.querySelector('.codes .mono').textContent`)
	b.is("4", `document.querySelectorAll('ol.events li').length`)
	b.is("true", `location.search.startsWith('?incident=')`)
	s.minute(true) // it stays what it is while periods pass
	b.is("POST /charge", `document.querySelector('h1').textContent`)
	b.click("h1 a")
	b.is("true", `location.search.startsWith('?operation=')`)
	b.is("Success", `document.querySelector('.tile-label').textContent`)
	b.is("2", `document.querySelector('table.plain').tBodies[0].rows.length`)
	b.run(chromedp.NavigateBack())
	b.is("true", `location.search.startsWith('?incident=') && Boolean(document.querySelector('.graph'))`)
	b.run(chromedp.NavigateBack())
	b.is("3", `document.querySelectorAll('.rows .row').length`)
	b.run(chromedp.NavigateForward(), chromedp.Reload())
	b.is("POST /charge", `document.querySelector('h1').textContent`)
	b.press(kb.Escape)
	b.is("3", `document.querySelectorAll('.rows .row').length`)

	b.run(chromedp.Navigate(s.url + "?incident=none"))
	b.is("Nothing is known of it (any more).", `document.querySelector('.empty').textContent`)
	b.mu.Lock()
	for _, f := range b.faults { // the browser logs the answer
		if !strings.Contains(f, "404") {
			t.Error(f)
		}
	}
	b.faults = nil
	b.mu.Unlock()
}

// The table is filtered and sorted, by mouse and by keys, and the address holds how.
func TestTable(t *testing.T) {
	s := newShop(t)
	s.calls("stock", "GET /stock", 5, 0, 300*time.Millisecond)
	s.minute(true)
	b := newTab(t, s.url, desk)
	b.is("4", `document.querySelectorAll('.rows .row').length`)
	// A key that is pressed by the protocol types its character in any case.
	b.value(`document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true}))`)
	b.run(chromedp.KeyEvent("orders"))
	b.is("POST /orders", rowNames)
	b.is("?q=orders", `location.search`)
	b.is("1 of 4", `document.querySelector('.shown').textContent`)
	b.press(kb.Enter)
	b.is("POST /orders", `document.activeElement.textContent`)
	b.press(kb.Enter)
	b.is("POST /orders", `document.querySelector('h1').textContent`)
	b.press(kb.Escape)
	b.is("", `location.search`)

	b.run(chromedp.Navigate(s.url + "?q=orders"))
	b.is("POST /orders", rowNames)
	b.run(chromedp.Navigate(s.url + "?q=nothing"))
	b.is("No operation fits. Clear the filter", `document.querySelector('.empty').textContent`)
	b.click(".empty button")
	b.is("4", `document.querySelectorAll('.rows .row').length`)

	b.click(".head .c-p95 button")
	b.is("GET /stock, POST /orders, POST /charge, GET /products/{id}", rowNames)
	b.is("ascending", `document.querySelector('.head .c-p95').ariaSort`)
	b.click(".head .c-p95 button")
	b.is("GET /products/{id}, POST /charge, POST /orders, GET /stock", rowNames)
	b.is("?sort=-p95", `location.search`)
	b.click(".head .c-operation button")
	b.is("GET /products/{id}, GET /stock, POST /charge, POST /orders", rowNames)
	b.run(chromedp.SetValue(`select[data-key="service"]`, "stock"), chromedp.Evaluate[chromedp.Void](`document.querySelector('select[data-key="service"]').dispatchEvent(new Event('change'))`))
	b.is("GET /stock", rowNames)
	b.is("?service=stock&sort=operation", `location.search`)
	b.run(chromedp.Reload())
	b.is("GET /stock", rowNames)

	b.run(chromedp.Navigate(s.url))
	b.is("4", `document.querySelectorAll('.rows .row').length`)
	b.press("j")
	b.press("j")
	b.is("2", `document.querySelector('.row.chosen').ariaRowIndex - 1`)
	b.press("k")
	b.is("1", `document.querySelector('.row.chosen').ariaRowIndex - 1`)
	b.press("?")
	b.is("true", `document.querySelector('dialog').open`)
	b.press(kb.Escape)
	b.is("false", `document.querySelector('dialog').open`)
}

// The page speaks the browser's language and wears its colours, until told otherwise.
func TestLanguageAndTheme(t *testing.T) {
	s := newShop(t)
	s.minute(false)
	dark := newTab(t, s.url, looks{1440, 900, true, "zh-CN"})
	dark.is("一切正常", `document.querySelector('h1').textContent`)
	dark.is("zh-CN", `document.documentElement.lang`)
	dark.is("true", `getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((c) => c < 60)`)
	dark.press("l")
	dark.is("All is well", `document.querySelector('h1').textContent`)
	dark.run(chromedp.Reload())
	dark.is("All is well", `document.querySelector('h1').textContent`)
	dark.press("t") // light
	dark.is("true", `getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((c) => c > 200)`)
	dark.run(chromedp.Reload())
	dark.is("true", `getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((c) => c > 200)`)

	other := newTab(t, s.url, looks{1440, 900, false, "fr-FR"})
	other.is("All is well", `document.querySelector('h1').textContent`)
	other.is("true", `getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((c) => c > 200)`)
}

// Whatever a name holds stays text.
func TestHostileNames(t *testing.T) {
	s := newShop(t)
	names := []string{
		`"><img src=x onerror="window.pwned=1">`, `</script><script>window.pwned=1</script>`, `{{constructor.constructor("window.pwned=1")()}}`,
		`javascript:window.pwned=1`, "\u202eevil\u0007", strings.Repeat("long", 2000), `__proto__`, `constructor`,
	}
	for i, name := range names {
		failed := 0
		if i < 4 {
			failed = 20
		}
		for range 2 {
			s.calls(name, name, 20, failed, time.Millisecond)
		}
	}
	s.close(nil)
	for range 2 {
		for i, name := range names {
			if i < 4 {
				s.calls(name, name, 1, 40, time.Millisecond)
			}
		}
		s.close(nil)
	}
	b := newTab(t, s.url, desk)
	b.is("4 incidents are open", `document.querySelector('h1').textContent`)
	b.is("true", fmt.Sprintf(`Boolean(%s)`, rowOf(names[0])))
	b.is("8", `document.querySelector('.shown').textContent`)
	untouched := `window.pwned === undefined && document.querySelectorAll('img, iframe, object, body script').length === 0 && document.documentElement.scrollWidth <= innerWidth`
	b.is("true", untouched)
	b.click(".incident h2 a")
	b.is("true", `Boolean(document.querySelector('.facts'))`)
	b.is("true", untouched)
	b.click("h1 a")
	b.is("true", `Boolean(document.querySelector('.tiles'))`)
	b.is("true", untouched)
}

// 2,000 operations are a table like any other: the browser holds the rows on the screen alone.
func TestManyOperations(t *testing.T) {
	s := newShop(t)
	for range 3 {
		for i := range 2000 {
			s.calls(fmt.Sprint("service ", i%20), fmt.Sprintf("GET /things/%04d", i), 6, 0, time.Duration(1+i%50)*time.Millisecond)
		}
		s.close(nil)
	}
	b := newTab(t, s.url, desk)
	b.is("2\u202f000", `document.querySelector('.shown').textContent`)
	b.is("true", `document.querySelectorAll('.rows .row').length < 80`)
	smooth := b.value(`new Promise((done) => {
		let worst = 0, last = performance.now(), n = 0;
		const step = (now) => {
			worst = Math.max(worst, now - last); last = now;
			scrollBy(0, 900);
			if (++n < 90) requestAnimationFrame(step); else done(worst.toFixed(0) + ' ms the longest frame of ' + n);
		};
		requestAnimationFrame(step);
	})`)
	t.Logf("scrolling: %s", smooth)
	b.is("2000", `(scrollTo(0, document.body.scrollHeight), Math.max(...[...document.querySelectorAll('.rows .row')].map((r) => r.ariaRowIndex - 1)))`)
	b.is("true", `document.querySelectorAll('.rows .row').length < 80`)
	b.is("GET /things/1234", fmt.Sprintf(`(() => { const q = document.querySelector('input'); if (q.value === '') { q.value = '1234'; q.dispatchEvent(new Event('input')); } return %s; })()`, rowNames))
}

// It can be read on a telephone, and printed.
func TestSizes(t *testing.T) {
	s := newShop(t)
	for _, isSick := range []bool{false, true, true} {
		s.minute(isSick)
	}
	b := newTab(t, s.url, looks{390, 844, true, "en-US"})
	fits := `document.documentElement.scrollWidth <= 390`
	b.is("3", `document.querySelectorAll('.rows .row').length`)
	b.is("true", fits)
	b.accessible("first screen, 390 px, dark")
	b.click(".incident h2 a")
	b.is("3", `document.querySelectorAll('.chart canvas').length`)
	b.is("true", fits)
	b.click("h1 a")
	b.is("3", `document.querySelectorAll('.chart canvas').length`)
	b.is("true", fits)

	call(b, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
	b.run(chromedp.Navigate(s.url))
	b.is("3", `document.querySelectorAll('.rows .row').length`)
	printed, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	if err != nil || len(printed) < 5000 {
		t.Errorf("printed, it has %d bytes (%v)", len(printed), err)
	}
}

// axe-core finds no serious fault on any view, dark or light.
func TestAccessible(t *testing.T) {
	s := newShop(t)
	for _, isSick := range []bool{false, true, true} {
		s.minute(isSick)
	}
	for _, isDark := range []bool{false, true} {
		b := newTab(t, s.url, looks{1440, 900, isDark, "en-US"})
		what := fmt.Sprintf("dark %v", isDark)
		b.is("3", `document.querySelectorAll('.rows .row').length`)
		b.accessible("first screen, " + what)
		b.click(".incident h2 a")
		b.is("3", `document.querySelectorAll('.chart canvas').length`)
		b.accessible("incident, " + what)
		b.click("h1 a")
		b.is("true", `Boolean(document.querySelector('.tiles')) && document.querySelectorAll('.chart canvas').length === 3`)
		b.accessible("operation, " + what)
	}
}

// An operation that is not called any more leaves the page.
func TestGone(t *testing.T) {
	s := newShop(t)
	s.calls("shop", "GET /old", 10, 0, time.Millisecond)
	s.minute(false)
	b := newTab(t, s.url, desk)
	b.is("4", `document.querySelectorAll('.rows .row').length`)
	s.calls("shop", "GET /new", 10, 0, time.Millisecond)
	s.close(func(p *engine.Period) {
		p.Evicted = []engine.OperationKey{{Service: "shop", SpanKind: engine.SpanKindServer, Name: "GET /old"}}
	})
	b.is("GET /new, GET /products/{id}, POST /charge, POST /orders", `[...document.querySelectorAll('.rows .name')].map((n) => n.textContent).sort().join(', ')`)
}

// shelf is a store of one week, in which each hour had one bad minute.
type shelf struct{}

func (shelf) History(_ context.Context, operation string, from, to time.Time) ([]engine.Summary, error) {
	var list []engine.Summary
	for at := from.Truncate(time.Hour); at.Before(to); at = at.Add(time.Hour) {
		if !at.Before(from) {
			list = append(list, engine.Summary{Service: "payments", Operation: operation, SpanKind: engine.SpanKindServer, Start: at, End: at.Add(period), Count: 10, Success: 5, Failure: 5, Latency: engine.Latency{P50: time.Millisecond, P99: time.Second}, Objective: engine.DefaultObjective(), Verdicts: engine.Verdicts{Availability: engine.VerdictBad}})
		}
	}
	return list, nil
}

func (shelf) Calls(context.Context, engine.OperationKey, time.Time, time.Time) (success, failure uint64, err error) {
	return 999_400, 600, nil
}

// Where there is a store one looks back as far as it goes, and where there is a hook an incident is
// silenced.
func TestStoreAndSilence(t *testing.T) {
	silences := make(chan web.Silence, 1)
	s := newShopWith(t, web.Config{Store: shelf{}, Silence: func(_ context.Context, si web.Silence) error {
		silences <- si
		return nil
	}})
	for _, isSick := range []bool{false, true, true} {
		s.minute(isSick)
	}
	b := newTab(t, s.url, desk)
	b.click(".incident h2 a")
	b.is("true", `Boolean(document.querySelector('.silence'))`)
	b.run(chromedp.SendKeys(".silence input", "deplo"))
	s.minute(true) // what was typed stays, and so does the focus
	b.is("1\u202f280", `document.querySelector('.health b').textContent`)
	b.is("INPUT", `document.activeElement.tagName`)
	b.run(chromedp.KeyEvent("ying"))
	b.click(".silence button")
	b.is("true", `document.querySelector('.silence [role=status]').textContent.startsWith('silenced until')`)
	if si := <-silences; si.Comment != "deploying" || len(si.Alerts) != 2 {
		t.Errorf("got %+v", si)
	}
	b.accessible("an incident that can be silenced")
	b.click("h1 a")
	b.is("true", `Boolean(document.querySelector('.chart canvas'))`)
	b.click(`[data-range="86400"]`)
	b.is("true", `document.querySelector('.readout').textContent.includes('50\u00a0%')`)
	b.is("true", `document.querySelector('[data-range="86400"]').ariaPressed === 'true'`)
	b.accessible("an operation with a store")
}
