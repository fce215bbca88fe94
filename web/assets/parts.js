// Parts that the pages of an operation and of an incident have in common.
import { h, glyph } from './dom.js';
import { t, measured, valueText } from './text.js';
import { percent, nanos, seconds, count, clock, rate, lasted } from './format.js';
import { chart, colors, latencyRange, ratioRange } from './charts.js';

export function back() {
  return h('nav', { class: 'crumb' }, h('a', { href: location.pathname, 'data-link': '' }, h('span', { 'aria-hidden': 'true' }, '← '), t.overview));
}

export function whose(o) {
  return [o.service, o.span_kind === 'UNSPECIFIED' ? '' : o.span_kind.toLowerCase()].filter(Boolean).join(' · ');
}

export function section(title, hint, ...children) {
  return h('section', { class: 'part' }, h('h2', null, title), hint ? h('p', { class: 'hint' }, hint) : null, ...children);
}

// exemplars lists calls to look up.
export function exemplars(calls, traceURL) {
  if (calls.length === 0) return null;
  return h('div', { class: 'scroll' }, h('table', { class: 'plain' },
    h('thead', null, h('tr', null, [t.when, t.why, t.code, t.took, t.trace].map((c) => h('th', { scope: 'col' }, c)))),
    h('tbody', null, calls.map((c) => h('tr', null,
      h('td', null, clock(c.end)), h('td', null, t[c.why] || c.why), h('td', { class: 'mono' }, c.code || '–'), h('td', null, nanos(c.duration_ns)), h('td', null, trace(c, traceURL)))))));
}

// trace is a link to a call's trace, or its id to copy.
export function trace(c, traceURL) {
  if (!c.trace_id || /^0*$/.test(c.trace_id)) return '–';
  const id = h('code', { class: 'id' }, c.trace_id);
  const how = h('span', { class: 'sub' }, c.sampled ? t.sampled : t.unsampled);
  if (traceURL && c.sampled) {
    const url = traceURL.replaceAll('{trace_id}', encodeURIComponent(c.trace_id)).replaceAll('{span_id}', encodeURIComponent(c.span_id));
    return [h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, id), ' ', how];
  }
  const button = h('button', { class: 'copy', type: 'button', title: t.copy, 'aria-label': `${t.copy}: ${c.trace_id}`, on: { click: async () => {
    try { await navigator.clipboard.writeText(c.trace_id); button.classList.add('done'); said.textContent = t.copied; } catch { getSelection().selectAllChildren(id); }
  } } }, id);
  const said = h('span', { class: 'sub', role: 'status' });
  return [button, ' ', how, ' ', said];
}

// codes lists failures by code, with bars.
export function codes(list, whole) {
  if (list.length === 0) return null;
  const most = Math.max(...list.map((c) => c.count));
  return h('ul', { class: 'codes' }, list.slice(0, 12).map((c) => h('li', null,
    h('span', { class: 'mono' }, c.code || t.noCode), h('span', { class: 'sub' }, c.name && c.name !== c.code ? c.name : ''),
    h('span', { class: 'bar-box', 'aria-hidden': 'true' }, h('span', { class: 'bar-fill', style: { width: `${100 * c.count / most}%` } })),
    h('b', null, count(c.count)), h('span', { class: 'sub' }, whole ? percent(c.count / whole) : ''))));
}

// pictures returns the charts of an operation's past. focus is the objective that they are about, and
// usualHigh the time in seconds that usually is not exceeded, if they are about one and it is known.
export function pictures(past, objective, focus, usualHigh) {
  const s = past.series[0];
  if (!s || past.starts_ms.length === 0) return [h('p', { class: 'hint' }, t.noData)];
  const k = colors(), times = { starts: past.starts_ms, ends: past.ends_ms };
  const at = (i) => `${clock(times.starts[i])} – ${clock(times.ends[i])}`;
  const bad = (kind) => (s.bad || []).map((list) => Boolean(list && list.includes(kind)));
  const success = s.calls.map((n, i) => { const judged = n - (s.cancelled[i] || 0); return n === null || judged <= 0 ? null : 1 - s.failures[i] / judged; });
  const charts = [];
  charts.push(chart({
    title: t.successChart, height: 150, times, bad: bad('availability'),
    series: [{ values: success, color: k.accent, width: 2, fill: null }],
    range: ratioRange(success, objective?.success_ratio), format: (v) => (v > 1 ? '' : percent(v)),
    target: objective ? { value: objective.success_ratio, label: `${t.target} ${percent(objective.success_ratio)}` } : null,
    readout: (i) => `${at(i)}: ${success[i] === null ? '–' : `${percent(success[i], objective?.success_ratio)} ${t.succeed}`}`,
  }));
  const limit = usualHigh || (objective && objective.latency_target_ns > 0 ? objective.latency_target_ns / 1e9 : null);
  charts.push(chart({
    title: t.latencyChart, height: 240, times, bad: bad('latency'), heat: s.latency_counts, usualHigh,
    series: [
      { label: 'p50', values: s.p50_s, color: k.p50, width: 1.6 },
      { label: 'p95', values: s.p95_s, color: k.p95, width: 1.6, dash: [6, 3] },
      { label: 'p99', values: s.p99_s, color: k.p99, width: 1.6, dash: [2, 3] },
      ...((s.own_time_s || []).some((v) => v > 0) ? [{ label: t.own, values: s.own_time_s, color: k.good, width: 1.6, dash: [8, 3, 2, 3] }] : []),
    ],
    log: true, range: latencyRange(s.latency_counts, limit, [s.p50_s, s.p99_s]), format: seconds,
    target: limit ? { value: limit, label: usualHigh ? t.within(seconds(limit)) : `${t.target} ${seconds(limit)}` } : null,
    readout: (i) => `${at(i)}: ${s.p50_s[i] === null ? '–' : `p50 ${seconds(s.p50_s[i])}, p95 ${seconds(s.p95_s[i])}, p99 ${seconds(s.p99_s[i])}`}`,
  }));
  charts.push(chart({
    title: t.callsChart, height: 140, times, bad: bad('traffic'),
    series: [{ label: t.calls, values: s.calls, color: k.bar, bars: true }, ...failureBars(s, k)],
    range: (low, high) => [0, Math.max(1, high || 1) * 1.08], format: (v) => (Number.isInteger(v) ? count(v) : ''),
    readout: (i) => {
      const length = (times.ends[i] - times.starts[i]) / 1000;
      const list = (s.codes || []).filter((c) => c.counts[i] > 0).map((c) => `${c.code || t.noCode} ×${c.counts[i]}`).join(', ');
      return `${at(i)}: ${count(s.calls[i] || 0)} ${t.calls} (${rate((s.calls[i] || 0) / length)}/s)${s.failures[i] ? `, ${count(s.failures[i])} ${t.failures}${list ? `: ${list}` : ''}` : ''}`;
    },
  }));
  // The one that the incident is about comes first.
  if (focus === 'latency' || focus === 'degradation') charts.unshift(...charts.splice(1, 1));
  if (focus === 'traffic') charts.unshift(...charts.splice(2, 1));
  return charts;
}

// failureBars returns the failures by code, each on top of the next ones. The fifth code and those after
// it are one.
function failureBars(s, k) {
  if (!s.failures.some((n) => n > 0)) return [];
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const codes = (s.codes || []).slice().sort((x, y) => sum(y.counts) - sum(x.counts)).slice(0, 3);
  if (codes.length < 2) return [{ label: codes.length ? codes[0].code || t.noCode : t.failures, values: s.failures.map((n) => n || null), color: k.bad, bars: true }];
  const shades = [k.bad, k.warn, k.p95, k.muted];
  // What stands on a code is drawn first, so each bar reaches down to zero.
  const left = s.failures.map((n) => n || 0), bars = [];
  const others = left.map((n, i) => n - sum(codes.map((c) => c.counts[i])));
  if (sum(others) > 0) { bars.push({ label: t.others, values: left.map((n) => n || null), color: shades[3], bars: true }); others.forEach((n, i) => { left[i] -= n; }); }
  for (const [n, c] of [...codes.entries()].reverse()) {
    bars.push({ label: c.code || t.noCode, values: left.map((v) => v || null), color: shades[n], bars: true });
    c.counts.forEach((v, i) => { left[i] -= v; });
  }
  return bars;
}

// alertLine says in one line what an alert is about, with a link.
export function alertLine(a, isOpen) {
  const kind = a.state;
  const length = (new Date(a.ends_at || Date.now()) - new Date(a.starts_at)) / 1000;
  return h('li', { class: `event is-${kind}` }, glyph(kind, t.states[kind], 16),
    h('div', null, h('a', { href: `?incident=${a.id}`, 'data-link': '' }, h('b', null, a.operation)), ' ', h('span', null, measured(a, a.worst_actual)),
      h('div', { class: 'sub' }, `${t.kinds[a.objective] || a.objective} · ${clock(a.starts_at)} · ${isOpen ? t.for(lasted(length)) : t.lastedFor(lasted(length))}`)));
}

export { valueText };
