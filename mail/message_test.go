package mail

import (
	"fmt"
	"mime"
	"net/mail"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func mustAddress(t testing.TB, s string) *mail.Address {
	t.Helper()
	a, err := parseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func testHead(t testing.TB) letterhead {
	return letterhead{
		from: mustAddress(t, "Monitor <monitor@example.org>"), to: []*mail.Address{mustAddress(t, "ops@example.org")},
		prefix: "[go-monitor]", domain: "example.org",
	}
}

var wantHeaders = []string{
	"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "References", "Subject", "To", "X-Auto-Response-Suppress",
}

// checkMail holds a mail against what is true of every one: the headers are those there
// should be, once each, and no line is too long.
func checkMail(t *testing.T, raw []byte) parsed {
	t.Helper()
	p, err := parse(raw)
	if err != nil {
		t.Fatalf("%v in\n%q", err, raw)
	}
	if !strings.Contains(string(raw), "\r\nMessage-ID: <") {
		t.Errorf("the Message-ID is not in the line of its header:\n%s", raw)
	}
	var names []string
	for name, values := range p.header {
		if len(values) != 1 {
			t.Errorf("%d times %s", len(values), name)
		}
		if name != "In-Reply-To" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, wantHeaders) {
		t.Errorf("headers %v, want %v", names, wantHeaders)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if len(line) > 200 || strings.ContainsAny(line, "\r\n") || strings.IndexFunc(line, func(r rune) bool { return r > '~' || r < ' ' && r != '\t' }) >= 0 {
			t.Errorf("line %q", line)
		}
	}
	return p
}

// hostile names try what names can do to a mail.
var hostile = []string{
	"", " ", strings.Repeat(" ", 300), "GET /\r\nBcc: evil@example.org\r\n\r\nbody", "x\nSubject: y", "x\ry", "\x00\x1b[31m",
	"=?UTF-8?Q?=0D=0ABcc:_evil@example.org?=", "a =?utf-8?b?DQpYOiB5?= b", "=?", "überall 日本語 🚀", "\u202egnp.exe", "\xff\xfe",
	strings.Repeat("A", 10_000), strings.Repeat("日本", 5000), "x" + strings.Repeat("日本", 50), "xx" + strings.Repeat("日本", 50), strings.Repeat("=\r\n", 3000), "<script>alert(1)</script>",
	`" onload="x`, "--boundary--", ".\r\n.\r\nQUIT\r\n", strings.Repeat("a ", 5000), "\u2028\u2029\u0085\v\f",
}

// checkHostile makes mails about an operation and checks that they are mails about it and
// nothing else.
func checkHostile(t *testing.T, name, id string) {
	t.Helper()
	a := hostileAlert(name, id)
	checkMails(t, id, [][]alert.Alert{{a}, {resolved(a), a}})
	var d digest
	d.add([]alert.Alert{a}, testStart)
	head := testHead(t)
	m, err := head.digestMessage(&d, 20, testStart)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parse(m.raw); err != nil || strings.Contains(p.html, "<script") || len(p.header["Bcc"]) > 0 {
		t.Errorf("digest: %v", err)
	}
}

// hostileAlert is one with a name everywhere.
func hostileAlert(name, id string) alert.Alert {
	a := firing(id, name)
	a.Service, a.Monitor, a.CausedBy, a.Causes[0].Operation, a.Evidence[0].Failures[0].Name = name, name, name, name, name
	return a
}

// checkMails makes a mail about each list of alerts and checks that it is one about
// them and nothing else.
func checkMails(t *testing.T, id string, lists [][]alert.Alert) {
	t.Helper()
	head := testHead(t)
	for _, alerts := range lists {
		m, err := head.alertsMessage(id, alerts, &threads{}, testStart)
		if err != nil {
			t.Fatal(err)
		}
		p := checkMail(t, m.raw)
		if n := len(p.subject); n > 300 || !utf8.ValidString(p.subject) || alert.Printable(p.subject) != p.subject {
			t.Errorf("subject of %d bytes: %q", n, p.subject)
		}
		if want := strings.Join(strings.Fields(subjectText("[go-monitor]", alerts)), " "); p.subject != want {
			t.Errorf("subject %q, want %q", p.subject, want)
		}
		if strings.Contains(p.html, "<script") || strings.ContainsAny(p.html+p.text, "\x00\x1b\u202e\u2028") {
			t.Errorf("not inert:\n%q\n%q", p.html, p.text)
		}
		if tags, want := strings.Count(p.html, "<"), strings.Count(mustHTML(t, alerts), "<"); tags != want {
			t.Errorf("%d tags, want %d", tags, want)
		}
	}
}

// mustHTML is the HTML part with harmless names in place of those of alerts.
func mustHTML(t *testing.T, alerts []alert.Alert) string {
	t.Helper()
	tame := slices.Clone(alerts)
	for i := range tame {
		tame[i] = tame[i].Clone()
		a := &tame[i]
		a.ID, a.Operation, a.Monitor, a.Causes[0].Operation = "id", "op", "m", "c"
		if a.Service != "" {
			a.Service = "s"
		}
		if a.CausedBy != "" {
			a.CausedBy = "id"
		}
		a.Evidence[0].Failures[0].Name = "n"
	}
	c := contentOf(tame)
	page, err := c.html()
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestHostileNames(t *testing.T) {
	for _, name := range hostile {
		t.Run(clip(fmt.Sprintf("%q", name), 30), func(t *testing.T) {
			checkHostile(t, name, "a1")
			checkHostile(t, "x", name)
			checkMails(t, name, [][]alert.Alert{slices.Repeat([]alert.Alert{hostileAlert(name, name)}, maxDetailed+2)})
		})
	}
}

// TestMailIsBounded checks that a mail has a size that servers take, whatever it is about.
func TestMailIsBounded(t *testing.T) {
	long := strings.Repeat("\u202ex", 300)
	a := hostileAlert(long, long)
	a.CausedBy = "" // only roots are shown in full
	for range 5 {
		a.Evidence = append(a.Evidence, a.Evidence...)
		a.Causes = append(a.Causes, a.Causes...)
	}
	for i := range a.Evidence {
		a.Evidence[i].Failures = slices.Repeat(a.Evidence[0].Failures[:1], 20)
	}
	others := slices.Repeat([]alert.Alert{firing("a2", "x")}, maxDigest+7)
	c := contentOf(append(slices.Repeat([]alert.Alert{a}, maxDetailed), others...))
	if len(c.Alerts) != maxDetailed || len(c.Lines) != maxDigest || c.Unlisted != 7 {
		t.Errorf("%d in full, %d in a line, %d counted", len(c.Alerts), len(c.Lines), c.Unlisted)
	}
	c.Lines = nil
	const rest = 200                                                   // of a block that is not an alert
	if n := len(c.text()); n > maxDetailed*(maxBlock+rest)+4*maxName { // with the overview
		t.Errorf("a text of %d bytes", n)
	}
	page, err := c.html()
	if err != nil || len(page) > maxDetailed*30_000 {
		t.Errorf("a page of %d bytes: %v", len(page), err)
	}
}

func FuzzSubject(f *testing.F) {
	for _, name := range hostile {
		f.Add(name, "a1")
		f.Add("x", name)
	}
	f.Fuzz(checkHostile)
}

// TestSubject checks which alert a subject is about.
// The way to an operation is no operation, and what stands for it no code.
func TestNetworkAsCause(t *testing.T) {
	a := firing("1", "POST /orders")
	a.Objective, a.LatencyTarget = alert.Latency, time.Second
	a.Causes[0].Service, a.Causes[0].Operation, a.Causes[0].Code = "stock", "GET /stock", engine.NetworkCode
	c := contentOf([]alert.Alert{a})
	page, err := c.html()
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]string{"text": c.text(), "html": page, "subject": subjectText("[go-monitor]", []alert.Alert{a})} {
		if strings.Contains(part, engine.NetworkCode) {
			t.Errorf("%s shows what stands for the network:\n%s", name, part)
		}
		if name != "subject" && !strings.Contains(part, "the network to stock (GET /stock)") {
			t.Errorf("%s says nothing of the network:\n%s", name, part)
		}
	}
}

func TestSubject(t *testing.T) {
	a, b := firing("a", "A"), firing("b", "B")
	still := firing("c", "C")
	still.Repeat = true
	ended := resolved(b)
	ended.EndReason = alert.EndIdle
	burn := firing("d", "D")
	burn.Objective = alert.BurnRate
	for _, tc := range []struct {
		alerts []alert.Alert
		want   string
	}{
		{[]alert.Alert{a}, "p [FIRING] A availability"},
		{[]alert.Alert{resolved(a)}, "p [RESOLVED] A availability"},
		{[]alert.Alert{still}, "p [STILL FIRING] C availability"},
		{[]alert.Alert{ended}, "p [ENDED] B availability"},
		{[]alert.Alert{b, still, resolved(a)}, "p [2 FIRING, 1 RESOLVED] B availability"},
		{[]alert.Alert{b, still}, "p [2 FIRING] B availability"},
		{[]alert.Alert{resolved(a), resolved(b)}, "p [2 RESOLVED] A availability"},
		{[]alert.Alert{burn}, "p [FIRING] D burn_rate"},
	} {
		if got := subjectText("p", tc.alerts); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

// TestEncodeSubject checks that the last step lets nothing through, whoever forgot what before.
func TestEncodeSubject(t *testing.T) {
	for _, name := range hostile {
		got := encodeSubject(name)
		if strings.IndexFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q", got)
		}
		text, err := new(mime.WordDecoder).DecodeHeader(got)
		if want := strings.Join(strings.Fields(alert.Printable(name)), " "); err != nil || text != want {
			t.Errorf("%q reads as %q, want %q: %v", got, text, want, err)
		}
	}
}

// TestKinds checks that every kind of objective has its table.
func TestKinds(t *testing.T) {
	for _, k := range []alert.ObjectiveKind{alert.Availability, alert.Latency, alert.Traffic, alert.Stuck, alert.BurnRate} {
		a := firing("a", "A")
		a.Objective = k
		for i := range 8 {
			a.Evidence = append(a.Evidence, a.Evidence[i])
		}
		c := cardOf(&a)
		if len(c.Periods) != 5 || c.Skipped != len(a.Evidence)-5 {
			t.Errorf("%s: %d periods, %d skipped", k, len(c.Periods), c.Skipped)
		}
		for _, row := range c.Periods {
			if len(row) != len(c.Columns) {
				t.Errorf("%s: %v under %v", k, row, c.Columns)
			}
		}
	}
}

// TestSkipped checks that all periods that led to an alert are shown or counted, also where the
// evidence holds the newest of them alone.
func TestSkipped(t *testing.T) {
	for _, tt := range []struct{ evidence, led, shown, skipped int }{
		{1, 0, 1, 0}, {5, 5, 5, 0}, {6, 6, 5, 1}, {100, 250, 5, 245}, {5, 16, 5, 11}, {3, 7, 3, 4}, {1, 7, 1, 6}, {0, 7, 0, 0},
	} {
		a := firing("a", "A")
		a.Periods = tt.led
		one := a.Evidence[0]
		a.Evidence = nil
		for range tt.evidence {
			a.Evidence = append(a.Evidence, one)
		}
		if c := cardOf(&a); len(c.Periods) != tt.shown || c.Skipped != tt.skipped {
			t.Errorf("%d of %d periods: %d shown, %d skipped, want %d and %d", tt.evidence, tt.led, len(c.Periods), c.Skipped, tt.shown, tt.skipped)
		}
	}
}

// TestThreads checks that a resolved alert answers the mail that announced it, and that both
// name the same mail where that one is not known.
func TestThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []mail.Header
		record := func(m *message) error {
			sent = append(sent, mustParse(t, m.raw).header)
			return nil
		}
		n := newFake(t, 20, record)
		a := firing("a1", "x")
		later := a
		later.Repeat = true
		for i, alerts := range [][]alert.Alert{{a, firing("a2", "y")}, {later}, {firing("a3", "z")}, {resolved(a)}} {
			if err := n.Notify(notification(fmt.Sprint(i)), alerts); err != nil {
				t.Fatal(err)
			}
		}
		_ = newFake(t, 20, record).Notify(notification("5"), []alert.Alert{resolved(a)}) // another life
		first := sent[0].Get("Message-Id")
		root := strings.Fields(sent[0].Get("References"))[0]
		for i, want := range []string{"", first, "", first, root} {
			if got := sent[i].Get("In-Reply-To"); got != want {
				t.Errorf("mail %d answers %q, want %q", i, got, want)
			}
			if refers := strings.Contains(sent[i].Get("References"), root); refers != (i != 2) {
				t.Errorf("mail %d refers to %q", i, sent[i].Get("References"))
			}
		}
		if len(n.threads.mails) != 2 {
			t.Errorf("knows %v", n.threads.mails)
		}
	})
}

// TestThreadOfDigest checks that the end of an alert answers the digest that announced it.
func TestThreadOfDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []mail.Header
		n := newFake(t, 2, func(m *message) error {
			sent = append(sent, mustParse(t, m.raw).header)
			return nil
		})
		a := firing("a1", "x")
		for i, first := range []alert.Alert{firing("a0", "w"), a} {
			if err := n.Notify(notification(fmt.Sprint(i)), []alert.Alert{first}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := n.Notify(notification("end"), []alert.Alert{resolved(a)}); err != nil {
			t.Fatal(err)
		}
		if len(sent) != 3 || !strings.Contains(sent[1].Get("Message-Id"), "digest") || sent[2].Get("In-Reply-To") != sent[1].Get("Message-Id") {
			t.Errorf("got %v", sent)
		}
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestThreadsAreBounded checks that alerts that are never resolved don't pile up.
func TestThreadsAreBounded(t *testing.T) {
	var known threads
	for i := range 3 * maxThreads {
		known.began(fmt.Sprint(i), "m")
		known.began(fmt.Sprint("short", i), "m")
		known.ended(fmt.Sprint("short", i))
	}
	if n := len(known.mails); n > maxThreads || n == 0 || len(known.order) > 2*maxThreads {
		t.Errorf("%d mails, %d ids", n, len(known.order))
	}
	var lasting threads
	for i := range 3 * maxThreads {
		lasting.began(fmt.Sprint(i), "m")
	}
	if n := len(lasting.mails); n != maxThreads || lasting.mails["0"] != "" {
		t.Errorf("%d mails, the first of them %q", n, lasting.mails["0"])
	}
}

// TestSample keeps a mail to look at: SAMPLE=1 writes it anew.
func TestSample(t *testing.T) {
	const file = "testdata/sample.eml"
	slow := resolved(firing("9a8b7c6d", "GET /users/{id}"))
	slow.Objective, slow.LatencyTarget, slow.Target, slow.Actual = alert.Latency, 500*time.Millisecond, 0.8, 0.97
	head := testHead(t)
	m, err := head.alertsMessage("sample", []alert.Alert{firing("1f2e3d4c", "POST /orders"), slow}, &threads{}, testStart.Add(3*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("SAMPLE") != "" {
		if err := os.WriteFile(file, m.raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, got := checkMail(t, []byte(strings.ReplaceAll(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n", "\r\n"))), checkMail(t, m.raw)
	if got.text != want.text || got.html != want.html && strings.ReplaceAll(want.html, "\r\n", "\n") != strings.ReplaceAll(got.html, "\r\n", "\n") {
		t.Errorf("the sample is out of date: SAMPLE=1 go test -run TestSample\n%s", got.text)
	}
}

// Whatever a name and an id are, the mail is one about them and nothing else, its HTML included.
func FuzzMail(f *testing.F) {
	for _, name := range hostile {
		f.Add(name, "a1")
	}
	f.Add("a' onclick=x &lt;b&gt;", "<!--")
	f.Fuzz(checkHostile)
}
