import { h, replace, glyph } from './dom.js';
import { get } from './api.js';
import { t } from './text.js';
import { percent, nanos, rate, count } from './format.js';
import { back, whose, section, exemplars, codes, pictures, alertLine } from './parts.js';

export function operation(context, id) {
  const { state } = context;
  const headBox = h('div'), picturesBox = h('div', { class: 'charts' }), rest = h('div'), note = h('p', { class: 'hint' });
  let range = 'hour', charts = [], isClosed = false;
  const element = h('div', { class: 'page' }, back(), headBox, h('div', { class: 'section-head charts-head' }, note, rangeSwitch()), picturesBox, rest);
  const view = { element, title: '', shown() { renderHead(); load(); }, update() { renderHead(); load(); }, close() { isClosed = true; clear(); } };

  function rangeSwitch() {
    const period = state.status.period_ns;
    if (3600e9 / period <= 120) return null; // both are the same
    const recent = nanos(120 * period);
    const button = (key, label) => h('button', { type: 'button', 'aria-pressed': String(range === key), on: { click: (e) => {
      range = key;
      for (const b of e.target.parentNode.children) b.setAttribute('aria-pressed', String(b === e.target));
      load();
    } } }, label);
    range = 'recent';
    return h('div', { class: 'switch', role: 'group', 'aria-label': t.range }, button('recent', recent), button('hour', t.hour));
  }

  function renderHead() {
    const r = state.rows.get(id);
    if (!r) return;
    view.title = r.operation;
    const tile = (label, value, sub, isBad) => h('div', { class: `tile ${isBad ? 'bad' : ''}` }, h('span', { class: 'tile-label' }, label), h('span', { class: 'tile-value' }, isBad ? glyph('firing', null, 16) : null, value), h('span', { class: 'tile-sub' }, sub));
    const has = r.within_target_ratio !== null && r.p50_ns > 0;
    replace(headBox,
      h('div', { class: `page-head is-${r.state}` }, glyph(r.state, null, 32), h('div', null, h('h1', { class: 'mono' }, r.operation), h('p', { class: 'sub' }, [whose(r), t.states[r.state]].filter(Boolean).join(' · ')))),
      h('div', { class: 'tiles' },
        tile(t.success, r.success_ratio === null ? '–' : percent(r.success_ratio, r.success_target), `${t.target} ${percent(r.success_target)}`, r.bad_availability),
        tile(t.latency, has ? nanos(r.p95_ns) : '–', has ? `p50 ${nanos(r.p50_ns)} · p99 ${nanos(r.p99_ns)}` : 'p95', r.bad_latency),
        r.latency_target_ns > 0 ? tile(t.withinChart, r.within_target_ratio === null ? '–' : percent(r.within_target_ratio, 1), `≤ ${nanos(r.latency_target_ns)}`, false) : null,
        tile(t.perSecond, r.current ? rate(r.calls_per_second) : '–', `${count(r.calls)} ${t.calls}`, false),
        tile(t.flight, r.current ? count(r.in_flight) : '–', r.oldest_in_flight_ns ? t.oldest(nanos(r.oldest_in_flight_ns)) : '\u00a0', r.stuck > 0)));
  }

  function clear() {
    for (const c of charts) if (c.destroy) c.destroy();
    charts = [];
  }

  async function load() {
    let detail, past;
    try {
      [detail, past] = await Promise.all([get('operation', { id }), get('history', { id, range })]);
    } catch (error) {
      if (!isClosed && error.status === 404) replace(rest, h('p', { class: 'empty' }, t.notFound));
      return;
    }
    if (isClosed) return;
    const objective = detail.last && detail.last.objective;
    clear();
    charts = pictures(past, objective);
    replace(picturesBox, charts);
    note.textContent = isDark() ? t.heatDark : t.heat;
    const scroll = window.scrollY;
    replace(rest, expected(detail, objective), failures(past), calls(detail), incidents(detail));
    window.scrollTo(0, scroll);
  }

  const isDark = () => (document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';

  function failures(past) {
    const list = (past.series[0]?.codes || []).map((c) => ({ code: c.code, name: c.name, count: c.counts.reduce((a, b) => a + b, 0) })).sort((a, b) => b.count - a.count);
    const whole = list.reduce((a, c) => a + c.count, 0);
    return list.length ? section(t.failuresByCode, null, codes(list, whole)) : null;
  }

  function calls(detail) {
    return detail.exemplars.length ? section(t.lookUp, null, exemplars(detail.exemplars.slice(0, 12), state.status.trace_url)) : null;
  }

  function incidents(detail) {
    return detail.incidents.length ? section(t.incidents, null, h('ul', { class: 'events' }, detail.incidents.map((i) => alertLine(i, i.open)))) : null;
  }

  function expected(detail, o) {
    if (!o) return null;
    const target = {
      availability: () => `${percent(o.success_ratio)} ${t.succeed}`,
      latency: () => `${percent(o.within_target_ratio)} ≤ ${nanos(o.latency_target_ns)}`,
      traffic: () => (o.min_traffic > 0 ? `≥ ${count(o.min_traffic)} ${t.calls}` : `≥ ${percent(o.min_traffic_ratio)} · ${t.usual}`),
      stuck: () => `≤ ${nanos(o.stuck_after_ns)}`,
      burn_rate: () => `${percent(o.slo)} · 30 d`,
    };
    return section(t.expected, t.alertRule(o.alert_after, o.recover_after), h('div', { class: 'scroll' }, h('table', { class: 'plain' },
      h('thead', null, h('tr', null, [t.objective, t.target, t.verdict, t.phase].map((c) => h('th', { scope: 'col' }, c)))),
      h('tbody', null, detail.objectives.map((b) => h('tr', null, h('td', null, t.kinds[b.objective] || b.objective), h('td', null, target[b.objective] ? target[b.objective]() : ''),
        h('td', { class: b.verdict === 'bad' ? 'bad' : '' }, b.verdict === 'bad' ? glyph('firing', null, 12) : null, t.verdicts[b.verdict]),
        h('td', { class: b.phase === 'normal' ? '' : 'bad' }, b.phase === 'normal' ? null : glyph(b.phase, null, 12), t.phases[b.phase])))))));
  }

  return view;
}
