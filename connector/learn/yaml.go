package learn

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/blurooo/go-monitor/connector/recording"
	"github.com/blurooo/go-monitor/v2/alert"
)

// write returns the proposal as YAML, with its reasons.
func (p *proposal) write(stats recording.Stats) ([]byte, error) {
	block := new(mapping)
	c, o := &p.config, &p.config.Objective
	block.add("period", text(alert.Exact(c.Period)), fmt.Sprintf("a %dth of the time within which an alert should follow a fault", periodsWithin))
	block.add("idle_periods", number(c.IdlePeriods), alert.Exact(time.Duration(c.IdlePeriods)*c.Period)+": rare operations keep their place")
	if c.MaxOperations > 0 {
		block.add("max_operations", number(c.MaxOperations), fmt.Sprintf("%d were called", len(p.traffic.operations)))
	}
	if c.PeerServices {
		block.add("peer_services", flag(true), "tells calls to each service apart, since most clients give all of them one name")
	}

	objective := new(mapping)
	objective.add("success_ratio", ratio(o.SuccessRatio), p.whySuccess(p.usualFailures, p.usualCalls))
	objective.add("latency_target", text(alert.Exact(o.LatencyTarget)), "for operations with too few calls: that of the slowest, "+nameOf(p.slowest))
	objective.add("within_target_ratio", ratio(o.WithinTargetRatio), p.whyShare())
	objective.add("alert_after", number(o.AlertAfter), "periods with calls")
	objective.add("alert_for", text(alert.Exact(o.AlertFor)), "how long they must have been bad, so that bursts of a few seconds, which healthy systems have, don't fire")
	objective.add("recover_after", number(o.RecoverAfter), "periods, as long as alert_for")
	objective.add("min_calls", number(o.MinCalls), whyMinCalls(o.MinCalls))
	objective.add("confidence", ratio(o.Confidence), "off: with few calls in each period, how long periods were bad says more")
	block.addMap("objective", objective, "")

	services := new(mapping)
	for i := range p.services {
		s := &p.services[i]
		operations := new(mapping)
		for j := range s.operations {
			p.writeOperation(operations, &s.operations[j])
		}
		service := new(mapping)
		if len(operations.node.Content) > 0 {
			service.addMap("operations", operations, "")
		}
		if isKey(s.name) {
			services.addMap(s.name, service, s.whyRare(p.settings))
		} else {
			services.foot(noKey + alert.Printable(s.name))
		}
	}
	block.addMap("services", services, "")

	connectors, root := new(mapping), new(mapping)
	connectors.addMap("gomonitor", block, "")
	root.addMap("connectors", connectors, "")
	root.node.HeadComment = p.head(stats)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root.node); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return escaped(b.Bytes()), nil
}

// escaped writes the characters that reorder or hide text as YAML's escapes. They are only in keys,
// which are in double quotes then.
func escaped(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r == '\n' || unicode.IsGraphic(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.Bytes()
}

// head says what the proposal was learned from, and how to use it.
func (p *proposal) head(stats recording.Stats) string {
	t := p.traffic
	lines := []string{
		"Proposed by go-monitor learn from healthy traffic: " + fmt.Sprintf("%d spans, %d calls of %d operations in %d services,", stats.Spans, p.calls, len(t.operations), len(p.services)),
		fmt.Sprintf("%s to %s (%s).", t.first.UTC().Format(time.DateTime), t.last.UTC().Format(time.DateTime+" UTC"), alert.Exact(t.lasted().Round(time.Second))),
		"",
		fmt.Sprintf("An alert should come within %s of a fault. Each latency target is %v times the time within which %s of", alert.Exact(p.settings.Within), p.settings.Margin, alert.Percent(p.settings.Share)),
		fmt.Sprintf("the calls are (confidence %s), since days differ, plus %s for noise: %s of %d calls took no", alert.Percent(p.settings.Sure), alert.Rounded(p.noise), alert.Percent(noiseShare), p.noisy),
		"more than that above the typical time of their operation.",
		"",
		"Try it:    go-monitor replay --config THIS_FILE RECORDING",
		"Use it:    go-monitor --config SERVICE.yaml --config THIS_FILE",
	}
	if lasted := t.lasted(); lasted < 30*time.Minute {
		lines = append(lines, "", fmt.Sprintf("%s of traffic say nothing of other hours and days: learn again when there is more.", alert.Exact(lasted.Round(time.Second))))
	}
	if t.overflowed > 0 {
		lines = append(lines, "", fmt.Sprintf("%d calls were left out: they are of operations beyond the first %d.", t.overflowed, learnedOperations))
	}
	if stats.Late > 0 {
		lines = append(lines, "", fmt.Sprintf("%d spans came later than the grace.", stats.Late))
	}
	return strings.Join(lines, "\n")
}

// writeOperation writes what is expected of one operation.
func (p *proposal) writeOperation(to *mapping, o *operationProposal) {
	var seen []string
	for _, s := range o.seen {
		kind := ""
		if len(o.seen) > 1 {
			kind = s.key.SpanKind.String() + ": "
		}
		d := &s.durations
		seen = append(seen, fmt.Sprintf("%s%d calls, p50 %s, p99 %s, max %s", kind, s.success+s.failure, alert.Rounded(d.quantile(0.5)), alert.Rounded(d.quantile(0.99)), alert.Rounded(d.longest)))
	}
	own := new(mapping)
	if o.objective.LatencyTarget > 0 {
		own.add("latency_target", text(alert.Exact(o.objective.LatencyTarget)), fmt.Sprintf("%s; typical time below %s", strings.Join(seen, "; "), alert.Rounded(o.typical)))
	}
	if o.objective.SuccessRatio > 0 {
		var failures, calls uint64
		for _, s := range o.seen {
			failures, calls = failures+s.failure, calls+s.success+s.failure
		}
		own.add("success_ratio", ratio(o.objective.SuccessRatio), p.whySuccess(failures, calls))
	}
	if o.objective.Confidence > 0 {
		own.add("confidence", ratio(o.objective.Confidence), "since most calls fail even in healthy times")
	}
	if o.objective.MinTraffic > 0 {
		own.add("min_traffic", number(o.objective.MinTraffic), fmt.Sprintf("calls a period; there were at least %d, on average %.3g", o.seen[0].fewest, float64(o.seen[0].whole)/float64(o.seen[0].with)))
	}
	if o.objective.MinTrafficRatio > 0 {
		own.add("min_traffic_ratio", ratio(o.objective.MinTrafficRatio), "of the usual number of calls")
	}
	if isKey(o.name) {
		to.addMap(o.name, own, "")
	} else {
		to.foot(noKey + alert.Printable(o.name))
	}
}

func (p *proposal) whySuccess(failures, calls uint64) string {
	return fmt.Sprintf("%d of %d calls failed; %d times the upper bound of that is accepted, at least %s", failures, calls, failureMargin, alert.Percent(leastFailures))
}

func (p *proposal) whyShare() string {
	if p.settings.Share == 0.5 {
		return "the typical call decides: a few calls are enough to tell"
	}
	return "as asked for"
}

func whyMinCalls(n int) string {
	if n == 1 {
		return "every period with a call counts"
	}
	return "with fewer, one slow call would miss the share"
}

// whyRare names the operations with too few calls.
func (s *serviceProposal) whyRare(settings Settings) string {
	if len(s.rare) == 0 {
		return ""
	}
	const most = 10
	lines := []string{fmt.Sprintf("Fewer than %d calls, so the objective above applies:", fewest(settings.Share, settings.Sure))}
	for i, r := range s.rare {
		if i == most {
			lines = append(lines, fmt.Sprintf("  and %d more", len(s.rare)-most))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s (%s, %d)", alert.Printable(r.key.Name), r.key.SpanKind, r.calls))
	}
	return strings.Join(lines, "\n")
}

// noKey introduces a name that can't be a key of a configuration.
const noKey = "left out, since two colons have a meaning in a Collector's configuration: "

// isKey reports whether a name can be a key of a Collector's configuration, in which two colons
// separate keys.
func isKey(name string) bool {
	return name != "" && !strings.Contains(name, "::") && !strings.HasSuffix(name, ":")
}

// mapping is a YAML map that keeps its order.
type mapping struct{ node yaml.Node }

func (m *mapping) key(name string) *yaml.Node {
	key := new(yaml.Node)
	key.SetString(name)
	isOdd := func(r rune) bool { return r < ' ' || r > '~' }
	if name == "<<" || strings.ContainsFunc(name, isOdd) {
		// Unquoted, << merges another map into this one, and the others are written in ways that
		// can't be read again.
		key.Style = yaml.DoubleQuotedStyle
	}
	m.node.Kind = yaml.MappingNode
	return key
}

// add adds a value with its reason at the end of the line.
func (m *mapping) add(name string, value *yaml.Node, why string) {
	value.LineComment = why
	m.node.Content = append(m.node.Content, m.key(name), value)
}

// addMap adds a map with a comment above it.
func (m *mapping) addMap(name string, value *mapping, about string) {
	key := m.key(name)
	key.HeadComment = about
	if len(value.node.Content) == 0 {
		value.node = yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	}
	m.node.Content = append(m.node.Content, key, &value.node)
}

// foot adds a comment below the map.
func (m *mapping) foot(about string) {
	m.node.FootComment = strings.TrimPrefix(m.node.FootComment+"\n"+about, "\n")
}

func text(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	return n
}

func scalar(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }
func number(n int) *yaml.Node    { return scalar(strconv.Itoa(n)) }
func flag(on bool) *yaml.Node    { return scalar(strconv.FormatBool(on)) }
func ratio(r float64) *yaml.Node { return scalar(strconv.FormatFloat(r, 'f', -1, 64)) }
