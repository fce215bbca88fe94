package webhook

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blurooo/go-monitor/v2/alert"
)

// Message is the body of Alertmanager's webhooks, version 4, and the data of a
// [Config.Template]. Its alerts are those that changed, not all that fire. A receiver
// recognises the alerts about one objective of one operation by their Fingerprint.
type Message struct {
	// Version is "4".
	Version string `json:"version"`
	// GroupKey is the same for notifications about the same set of objectives and operations.
	GroupKey string `json:"groupKey"`
	// TruncatedAlerts is 0: all alerts are sent.
	TruncatedAlerts uint64 `json:"truncatedAlerts"`
	// Status is firing if any of the alerts fires, and resolved otherwise.
	Status string `json:"status"`
	// Receiver is "go-monitor".
	Receiver string `json:"receiver"`
	// GroupLabels holds the monitor's name, unless the alerts come from several ones.
	GroupLabels map[string]string `json:"groupLabels"`
	// CommonLabels and CommonAnnotations are those that all alerts have.
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	// ExternalURL is empty.
	ExternalURL string `json:"externalURL"`
	// Alerts are the alerts of the notification.
	Alerts []Item `json:"alerts"`
}

// Item is one alert of a [Message].
type Item struct {
	// Status is firing or resolved. A repeat is firing.
	Status string `json:"status"`
	// Labels are those of [alert.Labels].
	Labels map[string]string `json:"labels"`
	// Annotations are the evidence: id, summary (one line), description (the text of
	// [alert.Text]), target, actual, causes (one a line), caused_by (the id of an alert),
	// trace_ids (of sampled calls, separated by spaces), repeat ("true"), flapping (how often it
	// fired), end_reason, and evidence, the newest summaries that have room, as JSON. Empty ones are
	// left out.
	Annotations map[string]string `json:"annotations"`
	// StartsAt is when the incident began.
	StartsAt time.Time `json:"startsAt"`
	// EndsAt is when it ended; zero while the alert fires.
	EndsAt time.Time `json:"endsAt"`
	// GeneratorURL is empty.
	GeneratorURL string `json:"generatorURL"`
	// Fingerprint is made from Labels, as Alertmanager does.
	Fingerprint string `json:"fingerprint"`
	// Alert is the alert itself, for templates. Its names are UTF-8 and bounded.
	Alert *alert.Alert `json:"-"`
}

const (
	maxEvidence    = 64 << 10 // bytes of the evidence of one alert
	maxAllEvidence = 4 << 20  // bytes of the evidence of all alerts of a message
)

// newMessage returns the message about the alerts of one notification.
func newMessage(alerts []alert.Alert) (*Message, error) {
	m := &Message{Version: "4", Receiver: "go-monitor", Status: alert.Resolved.String(), GroupLabels: map[string]string{}}
	switch {
	case alert.FiringCount(alerts) > 0:
		m.Status = alert.Firing.String()
	case alert.InterruptedCount(alerts) > 0:
		m.Status = alert.Interrupted.String()
	}
	var prints []string
	for i := range alerts {
		item, err := newItem(&alerts[i], min(maxEvidence, maxAllEvidence/len(alerts)))
		if err != nil {
			return nil, err
		}
		prints = append(prints, item.Fingerprint)
		m.Alerts = append(m.Alerts, item)
		if i == 0 {
			m.CommonLabels, m.CommonAnnotations = maps.Clone(item.Labels), maps.Clone(item.Annotations)
			continue
		}
		keepCommon(m.CommonLabels, item.Labels)
		keepCommon(m.CommonAnnotations, item.Annotations)
	}
	group := "{}"
	if monitor := m.CommonLabels["monitor"]; monitor != "" {
		m.GroupLabels["monitor"] = monitor
		group = fmt.Sprintf("{monitor=%q}", monitor)
	}
	slices.Sort(prints)
	m.GroupKey = "{}:" + group + ":" + hashOf(slices.Compact(prints)...)
	return m, nil
}

// keepCommon deletes from common what is not in other.
func keepCommon(common, other map[string]string) {
	maps.DeleteFunc(common, func(k, v string) bool {
		o, ok := other[k]
		return !ok || o != v
	})
}

// newItem returns the item of one alert, with room bytes for its evidence.
func newItem(a *alert.Alert, room int) (Item, error) {
	evidence, err := evidenceOf(a, room)
	if err != nil {
		return Item{}, err
	}
	labels := alert.Labels(a)
	annotations := map[string]string{
		"id":          oneLine(a.ID),
		"summary":     oneLine(a.Summary()),
		"description": alert.Text(a),
		"target":      strconv.FormatFloat(a.Target, 'g', -1, 64),
		"actual":      strconv.FormatFloat(a.Actual, 'g', -1, 64),
		"causes":      causesText(a),
		"caused_by":   oneLine(a.CausedBy),
		"trace_ids":   traceIDs(a),
		"evidence":    evidence,
	}
	if a.Repeat {
		annotations["repeat"] = "true"
	}
	if a.Flapping.Count > 0 {
		annotations["flapping"] = strconv.Itoa(a.Flapping.Count)
	}
	if a.EndReason != 0 {
		annotations["end_reason"] = a.EndReason.String()
	}
	maps.DeleteFunc(annotations, func(_, v string) bool { return v == "" })
	return Item{
		Status:      a.State.String(),
		Labels:      labels,
		Annotations: annotations,
		StartsAt:    a.StartsAt,
		EndsAt:      a.EndsAt,
		Fingerprint: fingerprint(labels),
		Alert:       a,
	}, nil
}

// causesText lists causes, one a line: "INSERT orders [23505]: 92 %".
func causesText(a *alert.Alert) string {
	var lines []string
	for _, c := range a.Causes {
		lines = append(lines, oneLine(alert.CauseText(&c.Cause, a.Service))+": "+alert.Percent(c.Share))
	}
	return strings.Join(lines, "\n")
}

// traceIDs returns the traces that can be looked up, in hexadecimal.
func traceIDs(a *alert.Alert) string {
	var ids []string
	for _, c := range a.Exemplars() {
		if id := fmt.Sprintf("%x", c.Trace.TraceID); c.Trace.Sampled && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, " ")
}

// evidenceOf returns the newest summaries of an alert that have room, as a JSON array, oldest
// first. It is empty if there are none.
func evidenceOf(a *alert.Alert, room int) (string, error) {
	var parts []string
	for i := len(a.Evidence) - 1; i >= 0; i-- {
		part, err := json.Marshal(&a.Evidence[i])
		if err != nil {
			return "", fmt.Errorf("evidence: %w", err)
		}
		inert := inertJSON(part)
		if room -= len(inert) + 1; room < 0 {
			break
		}
		parts = append(parts, inert)
	}
	if len(parts) == 0 {
		return "", nil
	}
	slices.Reverse(parts)
	return "[" + strings.Join(parts, ",") + "]", nil
}

// fingerprint returns the fingerprint of labels as Alertmanager and Prometheus compute it.
func fingerprint(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k, labels[k])
	}
	return hashOf(parts...)
}

// hashOf returns the FNV-1a hash of texts, each ended by a byte that UTF-8 never has.
func hashOf(texts ...string) string {
	h := fnv.New64a()
	for _, s := range texts {
		h.Write([]byte(s))
		h.Write([]byte{0xff})
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
