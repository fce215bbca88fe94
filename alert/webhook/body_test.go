package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/blurooo/go-monitor/v2/alert"
	"github.com/blurooo/go-monitor/v2/engine"
)

func TestGolden(t *testing.T) {
	repeat := incident()
	repeat.Repeat = true
	for _, f := range allFormats {
		t.Run(f.String(), func(t *testing.T) {
			golden(t, f.String()+"_firing.json", bodyOf(t, f, incident()))
			golden(t, f.String()+"_several.json", bodyOf(t, f, repeat, recovery()))
			golden(t, f.String()+"_hostile.json", bodyOf(t, f, named("a\r\n<!channel> @all ](http://evil) `*_x_y_*` \u202e\"\\\xff&amp;")))
		})
	}
}

// alertmanagerMessage is what Alertmanager documents of its webhook, version 4.
type alertmanagerMessage struct {
	Version           string              `json:"version"`
	GroupKey          string              `json:"groupKey"`
	TruncatedAlerts   uint64              `json:"truncatedAlerts"`
	Status            string              `json:"status"`
	Receiver          string              `json:"receiver"`
	GroupLabels       map[string]string   `json:"groupLabels"`
	CommonLabels      map[string]string   `json:"commonLabels"`
	CommonAnnotations map[string]string   `json:"commonAnnotations"`
	ExternalURL       string              `json:"externalURL"`
	Alerts            []alertmanagerAlert `json:"alerts"`
}

type alertmanagerAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// received decodes a body as a strict receiver of Alertmanager's webhooks does: nothing
// is missing and nothing unknown.
func received(t testing.TB, body []byte) alertmanagerMessage {
	t.Helper()
	var m alertmanagerMessage
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var fields struct {
		Alerts []map[string]any `json:"alerts"`
	}
	var top map[string]any
	if err := json.Unmarshal(body, &top); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	if len(top) != 10 || m.GroupLabels == nil || m.CommonLabels == nil || m.CommonAnnotations == nil {
		t.Fatalf("got %d fields, want 10, and no null: %s", len(top), body)
	}
	for _, a := range fields.Alerts {
		if len(a) != 7 {
			t.Fatalf("an alert has %d fields, want 7: %s", len(a), body)
		}
	}
	return m
}

func TestAlertmanagerBody(t *testing.T) {
	body := bodyOf(t, Alertmanager, incident(), recovery())
	m := received(t, body)
	firing, resolved := m.Alerts[0], m.Alerts[1]
	want := map[string]string{
		"alertname": "gomonitor_availability", "objective": "availability", "monitor": "http", "service_name": "shop",
		"operation": "GET /users/{id}", "span_kind": "server", "severity": "critical",
	}
	if diff := cmp.Diff(want, firing.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"monitor": "http", "service_name": "shop", "span_kind": "server"}, m.CommonLabels); diff != "" {
		t.Errorf("common labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"monitor": "http"}, m.GroupLabels); diff != "" {
		t.Errorf("group labels (-want +got):\n%s", diff)
	}
	if m.Status != "firing" || firing.Status != "firing" || resolved.Status != "resolved" {
		t.Errorf("status = %q of %q and %q, want firing of firing and resolved", m.Status, firing.Status, resolved.Status)
	}
	if !bytes.Contains(body, []byte(`"endsAt":"0001-01-01T00:00:00Z"`)) || !firing.StartsAt.Equal(start) || !resolved.EndsAt.Equal(start.Add(3*time.Minute)) {
		t.Errorf("times are wrong in %s", body)
	}
	a := incident()
	var evidence []engine.Summary
	if err := json.Unmarshal([]byte(firing.Annotations["evidence"]), &evidence); err != nil || len(evidence) != 3 {
		t.Errorf("evidence has %d summaries, %v, want 3", len(evidence), err)
	}
	delete(firing.Annotations, "evidence")
	wantAnnotations := map[string]string{
		"id": a.ID, "summary": a.Summary(), "description": alert.Text(&a), "target": "0.95", "actual": "0.7",
		"causes": "INSERT orders of db [23505]: 75 %", "caused_by": "0102",
		"trace_ids": "01010000000000000000000000000000 01020000000000000000000000000000",
	}
	if diff := cmp.Diff(wantAnnotations, firing.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if m := received(t, bodyOf(t, Alertmanager, recovery())); m.Status != "resolved" {
		t.Errorf("status of a resolved alert alone = %q", m.Status)
	}
}

// The expected value is model.LabelSet{"a": "b", "cc": "dd"}.Fingerprint() of Prometheus,
// computed by its definition: FNV-1a over names and values, each followed by 0xff.
// The way to an operation is no operation, and what stands for it no code: it is in the
// evidence alone, for programs.
func TestNetworkAsCause(t *testing.T) {
	a := incident()
	a.Objective, a.LatencyTarget = alert.Latency, time.Second
	a.Causes[0].Code = engine.NetworkCode
	m, err := newMessage([]alert.Alert{a})
	if err != nil {
		t.Fatal(err)
	}
	annotations := m.Alerts[0].Annotations
	if want := "the network to db (INSERT orders): 75 %"; annotations["causes"] != want {
		t.Errorf("causes are %q, want %q", annotations["causes"], want)
	}
	for name, text := range annotations {
		if strings.Contains(text, engine.NetworkCode) && name != "evidence" {
			t.Errorf("%s shows what stands for the network: %s", name, text)
		}
	}
}

// Evidence has the whole objective.
func TestEvidenceHasTheObjective(t *testing.T) {
	a := incident()
	for i := range a.Evidence {
		a.Evidence[i].Objective.AlertFor = 23 * time.Second
	}
	m, err := newMessage([]alert.Alert{a})
	if err != nil {
		t.Fatal(err)
	}
	var got []engine.Summary
	if err := json.Unmarshal([]byte(m.Alerts[0].Annotations["evidence"]), &got); err != nil || len(got) != len(a.Evidence) || got[0].Objective != a.Evidence[0].Objective {
		t.Errorf("evidence is %+v (%v), want objectives %+v", got, err, a.Evidence[0].Objective)
	}
}

func TestFingerprint(t *testing.T) {
	sum := uint64(14695981039346656037)
	for _, c := range []byte("a\xffb\xffcc\xffdd\xff") {
		sum = (sum ^ uint64(c)) * 1099511628211
	}
	want := fmt.Sprintf("%016x", sum)
	if got := fingerprint(map[string]string{"cc": "dd", "a": "b"}); got != want {
		t.Errorf("fingerprint = %s, want %s", got, want)
	}
}

func TestFingerprintAndGroupKeyTellAlertsApart(t *testing.T) {
	firing := incident()
	later := incident()
	later.State, later.ID, later.EndsAt, later.Actual = alert.Resolved, "another incident", start.Add(time.Hour), 1
	other := recovery()
	keys := func(alerts ...alert.Alert) (print, group string) {
		m := received(t, bodyOf(t, Alertmanager, alerts...))
		return m.Alerts[0].Fingerprint, m.GroupKey
	}
	fp, group := keys(firing)
	if fp2, group2 := keys(later); fp2 != fp || group2 != group {
		t.Errorf("the same objective has fingerprints %s and %s, groups %s and %s", fp, fp2, group, group2)
	}
	if fp2, group2 := keys(other); fp2 == fp || group2 == group {
		t.Errorf("different objectives have the fingerprint %s and the group %s", fp, group)
	}
	// That one of two is resolved must not look as if both were.
	_, both := keys(firing, other)
	_, swapped := keys(other, firing)
	if both == group || both != swapped {
		t.Errorf("groups: one %s, both %s, both the other way round %s", group, both, swapped)
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	a := incident()
	for len(a.Evidence) < 1000 {
		a.Evidence = append(a.Evidence, a.Evidence[0])
	}
	a.Evidence[999].Count = 4711
	alerts := make([]alert.Alert, 300)
	for i := range alerts {
		alerts[i] = a
	}
	m := received(t, bodyOf(t, Alertmanager, alerts...))
	total := 0
	for _, item := range m.Alerts {
		total += len(item.Annotations["evidence"])
	}
	if total > maxAllEvidence || total < maxAllEvidence/2 {
		t.Errorf("evidence of %d bytes, want nearly %d", total, maxAllEvidence)
	}
	if !strings.Contains(m.Alerts[0].Annotations["evidence"], "4711") {
		t.Error("the newest period was left out")
	}
	one := received(t, bodyOf(t, Alertmanager, a)).Alerts[0].Annotations["evidence"]
	if len(one) > maxEvidence || len(one) < maxEvidence/2 {
		t.Errorf("evidence of one alert has %d bytes, want nearly %d", len(one), maxEvidence)
	}
}

func TestAlertsStayAsTheyAre(t *testing.T) {
	for _, f := range allFormats {
		a := named(strings.Repeat("\xff", 1000))
		before := a.Clone()
		bodyOf(t, f, a)
		if diff := cmp.Diff(before, a); diff != "" {
			t.Errorf("%s changed the alert, which will be needed for another try:\n%s", f, diff)
		}
	}
}

// strs returns all strings in a JSON value, keys included.
func strs(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, strs(e)...)
		}
		return all
	case map[string]any:
		var all []string
		for k, e := range v {
			all = append(append(all, k), strs(e)...)
		}
		return all
	}
	return nil
}

func TestHostileNames(t *testing.T) {
	for _, f := range allFormats {
		t.Run(f.String(), func(t *testing.T) {
			for _, s := range hostile() {
				body := bodyOf(t, f, named(s), named(s))
				var v any
				if err := json.Unmarshal(body, &v); err != nil || !utf8.Valid(body) {
					t.Fatalf("%q becomes the body %q: %v", s, body, err)
				}
				if len(body) > 512<<10 {
					t.Errorf("%.20q makes a body of %d bytes", s, len(body))
				}
				if f == Alertmanager {
					if got, want := received(t, body).Alerts[0].Labels["operation"], strings.ToValidUTF8(engine.TruncateName(s), "\ufffd"); got != want {
						t.Errorf("label = %q, want %q", got, want)
					}
					for key, text := range received(t, body).Alerts[0].Annotations {
						if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
							t.Errorf("%.60q: the annotation %s has what is not visible: %q", s, key, text)
						}
					}
				}
				if f == Alertmanager || f == Template {
					continue
				}
				for _, text := range strs(v) {
					checkInert(t, f, s, text)
				}
			}
		})
	}
}

// checkInert checks a text that a chat shows for s.
func checkInert(t testing.TB, f Format, s, text string) {
	t.Helper()
	fail := func(why string) { t.Errorf("%s: %.60q is shown as %q, which has %s", f, s, text, why) }
	for _, r := range strings.ReplaceAll(text, "@\u200b", "") {
		if r != '\n' && !unicode.IsPrint(r) {
			fail("what is not visible")
			break
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "@\u200b", ""), "@") {
		fail("a mention")
	}
	if strings.Contains(text, "<") {
		fail("a <")
	}
	switch f {
	case Slack:
		plain := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(text)
		if strings.ContainsAny(plain, "&>") {
			fail("an unescaped & or >")
		}
		inner, isBlock := strings.CutPrefix(text, "```\n")
		if isBlock {
			inner = strings.TrimSuffix(inner, "\n```")
		}
		if strings.Contains(inner, "`") || !isBlock && strings.ContainsAny(inner, "*~[]") {
			fail("markup")
		}
	case DingTalk, WeCom:
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if inner, ok := strings.CutPrefix(line, "> "); ok {
				line = inner
			} else if strings.HasPrefix(line, "**") && strings.HasSuffix(line, "**") && len(line) > 4 {
				line = line[2 : len(line)-2]
			}
			if strings.ContainsAny(line, "\\`*[]>#|!~&") {
				fail("markup")
			}
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s, 100)
	}
	f.Add("aé", 3)
	f.Add("<<<<", 4)
	f.Fuzz(func(t *testing.T, s string, room int) {
		room = max(0, min(room, 1<<20))
		for format, sh := range map[Format]shape{Slack: slackText, Feishu: feishuText, WeCom: markdownText, DingTalk: markdownText} {
			whole := sh.escape(s, math.MaxInt)
			got := sh.escape(s, room)
			if len(got) > room || !utf8.ValidString(got) || strings.Contains(got, "\n") {
				t.Errorf("escape(%q, %d) = %q of %d bytes", s, room, got, len(got))
			}
			if len(whole) <= room && got != whole {
				t.Errorf("escape(%q, %d) = %q, though %q has room", s, room, got, whole)
			}
			if kept := strings.TrimSuffix(got, more); len(whole) > room && !strings.HasPrefix(whole, kept) {
				t.Errorf("escape(%q, %d) = %q, no beginning of %q", s, room, got, whole)
			}
			if !strings.HasSuffix(s, "@") && utf8.RuneCountInString(whole) < utf8.RuneCountInString(s) {
				t.Errorf("escape(%q) = %q lost something", s, whole)
			}
			checkInert(t, format, s, got)
			checkInert(t, format, s, whole)
		}
		checkInert(t, Slack, s, "```\n"+slackCode.escape(s, room)+"\n```")
	})
}

func TestEscape(t *testing.T) {
	for _, tt := range []struct {
		shape shape
		s     string
		room  int
		want  string
	}{
		{slackText, "a < b & c > d", 100, "a &lt; b &amp; c &gt; d"},
		{slackText, "snake_case _it_ *b*", 100, "snake_case ＿it＿ ＊b＊"},
		{slackCode, "snake_case *b* `c`", 100, "snake_case *b* ｀c｀"},
		{feishuText, "<at id=all> @x", 100, "＜at id=all＞ @\u200bx"},
		{markdownText, "[a](b) \\ x_1_y", 100, "［a］(b) ＼ x_1_y"},
		{markdownText, "\u202ea\x00\nb\xff", 100, "\ufffda\ufffd b\ufffd"},
		{slackText, "aaaa", 4, "aaaa"},
		{slackText, "aaaaa", 4, "a…"},
		{slackText, "a<<", 8, "a&lt;…"},
		{slackText, "aaaaa", 2, ""},
	} {
		if got := tt.shape.escape(tt.s, tt.room); got != tt.want {
			t.Errorf("escape(%q, %d) = %q, want %q", tt.s, tt.room, got, tt.want)
		}
	}
}

func TestChatsHaveRoom(t *testing.T) {
	many := make([]alert.Alert, 100)
	for i := range many {
		many[i] = incident()
	}
	worst := make([]alert.Alert, 100)
	for i := range worst {
		worst[i] = named(strings.Repeat("\x00\"\\@", 3000))
	}
	small := make([]alert.Alert, 100)
	for i := range small {
		small[i] = alert.Alert{State: alert.Firing, Objective: alert.Availability}
	}
	hundreds := storm(1050)
	for name, alerts := range map[string][]alert.Alert{"one": many[:1], "many": many, "small": small, "long": worst[:1], "many long": worst, "storm": storm(49), "hundreds": hundreds} {
		for _, f := range allFormats {
			if f == Alertmanager || f == Template {
				continue
			}
			var all strings.Builder
			bodies := bodiesOfFormat(t, f, alerts...)
			for _, body := range bodies {
				all.WriteString(checkRoom(t, f, body) + "\n")
			}
			shown := strings.Count(all.String(), "ALERT ")
			if firing := alert.FiringCount(alerts); shown < firing {
				t.Errorf("%s, %s: %d of %d firing alerts are shown", f, name, shown, firing)
			}
			for i := range alerts {
				if a := &alerts[i]; a.State == alert.Firing && strings.HasPrefix(a.Operation, "GET /b-") && !strings.Contains(all.String(), a.Operation+" ") {
					t.Errorf("%s: %s is not named", f, a.Operation)
				}
			}
			if len(bodies) > 30 || name == "storm" && len(bodies) > 4 {
				t.Errorf("%s, %s: %d alerts are %d messages", f, name, len(alerts), len(bodies))
			}
		}
	}
}

// checkRoom checks that a chat takes a body, and returns all that it shows.
func checkRoom(t *testing.T, f Format, body []byte) string {
	t.Helper()
	var texts []string
	switch f {
	case Slack:
		var m slackMessage
		decode(t, body, &m)
		if len(m.Blocks) > 50 || len(m.Blocks) < 2 || len(m.Blocks[0].Text.Text) > 150 || len(m.Text) > 150 {
			t.Errorf("slack: %d blocks, header of %d bytes", len(m.Blocks), len(m.Blocks[0].Text.Text))
		}
		for _, b := range m.Blocks[1:] {
			if len(b.Text.Text) > 3000 {
				t.Errorf("slack: section of %d bytes", len(b.Text.Text))
			}
			texts = append(texts, b.Text.Text)
		}
	case Feishu:
		var m feishuMessage
		decode(t, body, &m)
		if len(body) > 20_000-200 {
			t.Errorf("feishu: body of %d bytes", len(body))
		}
		for _, e := range m.Card.Elements {
			texts = append(texts, e.Text.Content)
		}
	case DingTalk:
		var m dingTalkMessage
		decode(t, body, &m)
		if len(body) > 20_000 {
			t.Errorf("dingtalk: body of %d bytes", len(body))
		}
		texts = append(texts, m.Markdown.Text)
	case WeCom:
		var m wecomMessage
		decode(t, body, &m)
		if len(m.Markdown.Content) > 4096 {
			t.Errorf("wecom: content of %d bytes", len(m.Markdown.Content))
		}
		texts = append(texts, m.Markdown.Content)
	}
	return strings.Join(texts, "\n")
}

// The first message begins with the root, whatever the order in which the alerts came.
func TestChatsShowTheRootFirst(t *testing.T) {
	for _, f := range allFormats {
		golden(t, f.String()+"_storm.json", bytes.Join(bodiesOfFormat(t, f, storm(17)...), []byte("\n")))
		if f == Alertmanager || f == Template {
			continue
		}
		text := checkRoom(t, f, bodyOf(t, f, storm(49)...))
		root, dependent, resolved := strings.Index(text, "POST /z-payments"), strings.Index(text, "GET /b-00"), strings.Index(text, "RESOLVED")
		if root < 0 || dependent < root || resolved >= 0 && resolved < dependent {
			t.Errorf("%s: the root is at %d, a dependent at %d, a resolved one at %d", f, root, dependent, resolved)
		}
	}
}

func TestTextsAreCut(t *testing.T) {
	for n := range 257 {
		a := named(strings.Repeat("<", n))
		for _, l := range []*layout{&slackLayout, &feishuLayout, &dingTalkLayout, &wecomLayout} {
			text := l.textOf(&a)
			if len(text) > l.each || strings.Count(text, "(cut)") > 1 {
				t.Fatalf("names of %d bytes make a text of %d bytes, want at most %d: %s", n, len(text), l.each, text)
			}
		}
	}
}

func decode(t *testing.T, body []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatal(err)
	}
}

func TestTemplate(t *testing.T) {
	for _, tt := range []struct{ name, template, contentType, want string }{
		{"fields", `{{.Status}} {{(index .Alerts 0).Labels.operation}} {{len .Alerts}}`, "text/plain", `firing GET /users/{id} 2`},
		{"json", `{"a": {{json (index .Alerts 0).Annotations.summary}}}`, "", `{"a": "GET /users/{id}: 70 % succeed (target 95 %), 75 % of failures caused by INSERT orders of db [23505]"}`},
		{"alert", `{{range .Alerts}}{{.Alert.Operation}} {{.Alert.Measured}};{{end}}`, "text/plain", `GET /users/{id} 70 % succeed (target 95 %);render_page 99 % of successful calls within 500ms (target 80 %);`},
		{"functions", `{{cut 3 "äöüß"}} {{cut 9 "a"}} {{lower "A"}}{{upper "b"}} {{html "<"}}`, "text/plain", `äöü… a aB &lt;`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{URL: "http://127.0.0.1", Format: Template, Template: tt.template, ContentType: tt.contentType}
			n := newNotifier(t, c)
			bodies, err := n.bodies([]alert.Alert{incident(), recovery()}, start)
			body := bytes.Join(bodies, nil)
			if err != nil || string(body) != tt.want {
				t.Errorf("body = %q, %v, want %q", body, err, tt.want)
			}
		})
	}
}
