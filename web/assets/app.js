import { h, replace, update, glyph } from './dom.js';
import { watch } from './api.js';
import { t, useLanguage, language } from './text.js';
import { clock, nanos, count, lasted } from './format.js';
import { forgetColors } from './charts.js';
import { home } from './home.js';
import { incident } from './incident.js';
import { operation } from './operation.js';

// state is what the views show. It is written here alone.
const state = { status: null, rows: new Map(), isConnected: true, isEnded: false, fresh: 0 };
let view = null;

const store = {
  get(key) { try { return localStorage.getItem(`gomonitor.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`gomonitor.${key}`, value); } catch { /* a private window forgets */ } },
};

const themes = ['auto', 'light', 'dark'];
const theme = () => (themes.includes(store.get('theme')) ? store.get('theme') : 'auto');

function useTheme() {
  const name = theme();
  if (name === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = name;
  forgetColors();
}

function nextTheme() {
  store.set('theme', themes[(themes.indexOf(theme()) + 1) % themes.length]);
  useTheme();
  render();
}

function nextLanguage() {
  store.set('language', language === 'en' ? 'zh' : 'en');
  useLanguage(store.get('language'));
  render();
}

// go shows another view; the address holds it.
function go(query, isReplacing = false) {
  const url = query ? `?${query}` : location.pathname;
  if (isReplacing) history.replaceState(null, '', url);
  else { history.pushState(null, '', url); window.scrollTo(0, 0); }
  if (!isReplacing) render();
}

const header = h('header', { class: 'top' });
const main = h('main', { id: 'main', tabindex: '-1' });
const footer = h('footer');
const help = h('dialog', { class: 'help' });

function renderHeader() {
  const s = state.status;
  replace(header,
    h('a', { class: 'brand', href: location.pathname, 'data-link': '' }, h('svg', { viewBox: '0 0 32 32', width: 26, height: 26, 'aria-hidden': 'true' },
      h('rect', { width: 32, height: 32, rx: 8, class: 'mark-back' }), h('path', { d: 'M5 19h5l3-9 5 14 3-9 1.5 4H27', class: 'mark-line' })),
    h('span', { class: 'brand-name' }, s ? s.monitor : t.quality)),
    s ? h('span', { class: 'about' }, t.period(nanos(s.period_ns))) : null,
    h('span', { class: 'grow' }),
    h('span', { class: 'live', role: 'status' }),
    h('button', { class: 'plain', type: 'button', 'data-do': 'language', lang: language === 'en' ? 'zh-CN' : 'en', on: { click: nextLanguage } }, t.language),
    h('button', { class: 'plain icon', type: 'button', 'data-do': 'theme', 'aria-label': t.themeLabel(t.themes[theme()]), title: t.themeLabel(t.themes[theme()]), on: { click: nextTheme } }, themeSign(theme())),
    h('button', { class: 'plain icon keys', type: 'button', 'aria-label': t.keys, title: t.keys, on: { click: showHelp } }, '?'));
  renderLive();
}

function themeSign(name) {
  const paths = { auto: 'M8 2a6 6 0 1 0 0 12ZM8 2a6 6 0 1 1 0 12', light: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13', dark: 'M13.4 9.6A6 6 0 0 1 6.4 2.6a6 6 0 1 0 7 7Z' };
  return h('svg', { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true', class: `sign sign-${name}` }, h('path', { d: paths[name] }));
}

function renderLive() {
  const el = header.querySelector('.live');
  if (!el) return;
  const s = state.status;
  el.className = `live ${state.isEnded ? 'over' : state.isConnected ? 'on' : 'off'}`;
  if (state.isEnded || !state.isConnected || !s) {
    el.textContent = state.isEnded ? '' : state.isConnected ? '' : t.reconnecting;
    return;
  }
  const left = (new Date(s.next_period_end) - Date.now() - state.skew) / 1000;
  const text = s.period_ns >= 5e9 && left > 0 ? t.nextIn(lasted(Math.ceil(left))) : t.live;
  if (el.textContent !== text) el.textContent = text;
}

function renderFooter() {
  const s = state.status;
  if (!s) return;
  const f = s.health, last = s.last_period;
  const items = [[count(f.received), t.received, false]];
  const bad = (n, label) => { if (n > 0) items.push([count(n), label, true]); };
  items.push([count(f.dropped), t.dropped, f.dropped > 0]);
  if (f.late > 0) items.push([count(f.late), t.late, f.late > f.received / 100]);
  bad(f.overflowed, t.overflowed);
  bad(f.undelivered_notifications, t.undelivered);
  bad(f.undelivered_periods, t.undeliveredPeriods);
  bad(f.missed_periods, t.missed);
  update(footer,
    h('h2', null, t.monitor),
    h('ul', { class: 'health' }, items.map(([n, label, isBad]) => h('li', { class: isBad ? 'bad' : '' }, isBad ? glyph('firing', null, 12) : null, h('b', null, n), ' ', label)),
      last ? h('li', null, t.lag, ' ', h('b', null, nanos(Math.max(0, last.lag_ns)))) : null,
      last && last.sampled_ratio ? h('li', { class: 'bad' }, glyph('firing', null, 12), t.sampledNote(`${(last.sampled_ratio * 100).toPrecision(2)} %`)) : null),
    h('p', null, t.began2(clock(s.began)), ' · ', h('a', { href: 'api/v1/status' }, t.api)));
}

function showHelp() {
  replace(help, h('h2', null, t.keys), h('dl', null, t.keyList.map(([key, what]) => [h('dt', null, h('kbd', null, key)), h('dd', null, what)])),
    h('form', { method: 'dialog' }, h('button', { class: 'button' }, t.close)));
  help.showModal();
}

// render shows the view that the address names, anew.
function render() {
  if (view && view.close) view.close();
  const query = new URLSearchParams(location.search);
  renderHeader();
  renderFooter();
  const context = { state, query, go };
  if (query.has('incident')) view = incident(context, query.get('incident'));
  else if (query.has('operation')) view = operation(context, query.get('operation'));
  else view = home(context);
  replace(main, state.isEnded ? h('p', { class: 'banner', role: 'status' }, t.ended) : null, view.element);
  if (view.shown) view.shown();
  document.title = title();
}

function title() {
  const s = state.status;
  if (!s) return t.quality;
  const mark = s.incidents.length > 0 ? `▲ ${s.incidents.length} ` : '';
  return `${mark}${view && view.title ? `${view.title} · ` : ''}${s.monitor}`;
}

document.addEventListener('click', (e) => {
  const a = e.target.closest('a[data-link]');
  if (!a || e.defaultPrevented || e.metaKey || e.ctrlKey || e.shiftKey || e.button !== 0) return;
  e.preventDefault();
  go(new URL(a.href).search.slice(1));
});

document.addEventListener('keydown', (e) => {
  if (e.metaKey || e.ctrlKey || e.altKey || help.open) return;
  const isTyping = e.target.closest('input, select, textarea');
  if (view && view.key && view.key(e, isTyping)) { e.preventDefault(); return; }
  if (e.key === 'Escape') {
    if (isTyping) e.target.blur();
    else if (location.search) { e.preventDefault(); if (history.length > 1 && state.cameFromHome) history.back(); else go(''); }
    return;
  }
  if (isTyping) return;
  const actions = { t: nextTheme, l: nextLanguage, '?': showHelp };
  if (actions[e.key]) { e.preventDefault(); actions[e.key](); }
});

window.addEventListener('popstate', render);

// Paper is white, and holds all rows.
window.addEventListener('beforeprint', () => {
  document.documentElement.dataset.theme = 'light';
  forgetColors();
  if (view && view.redraw) view.redraw(true);
});
window.addEventListener('afterprint', () => {
  useTheme();
  if (view && view.redraw) view.redraw(false);
});

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (theme() === 'auto') { forgetColors(); render(); } });

useLanguage(new URLSearchParams(location.search).get('lang') || store.get('language'));
useTheme();
document.body.append(header, main, footer, help);
renderHeader();
replace(main, h('p', { class: 'loading' }, '…'));

watch({
  status(s, isWhole) {
    const known = state.status;
    if (known && known.began === s.began && s.seq < known.seq) return; // an answer that was overtaken
    if (isWhole) state.rows = new Map();
    for (const id of s.gone || []) state.rows.delete(id);
    for (const row of s.operations) state.rows.set(row.id, row);
    const isFirst = !state.status;
    state.status = s;
    state.skew = new Date(s.now) - Date.now();
    if (isFirst || !view) render();
    else { renderFooter(); renderLive(); if (view.update) view.update(isWhole); document.title = title(); }
  },
  connection(isConnected) { state.isConnected = isConnected; renderLive(); },
  end() { state.isEnded = true; render(); },
});
setInterval(renderLive, 1000);
