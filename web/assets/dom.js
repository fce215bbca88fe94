// Elements are made here and nowhere else. Text always becomes a text node, so whatever a name
// holds stays text.

const svgNames = new Set(['svg', 'g', 'path', 'circle', 'rect', 'line', 'text', 'tspan', 'title', 'polyline', 'marker', 'defs']);

// h makes an element: h('a', {class: 'x', href: '?', on: {click: f}}, 'text', child, null).
export function h(name, props, ...children) {
  const el = svgNames.has(name)
    ? document.createElementNS('http://www.w3.org/2000/svg', name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'on') {
      for (const [event, f] of Object.entries(value)) el.addEventListener(event, f);
    } else if (key === 'style') {
      for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v); // allowed by the CSP
    } else if (key === 'value' || key === 'checked' || key === 'open') {
      el[key] = value;
    } else {
      el.setAttribute(key, value === true ? '' : value);
    }
  }
  append(el, children);
  return el;
}

function append(el, children) {
  for (const c of children) {
    if (c === null || c === undefined || c === false) continue;
    if (Array.isArray(c)) append(el, c);
    else el.append(c instanceof Node ? c : document.createTextNode(String(c)));
  }
}

// replace puts children in the place of what el holds.
export function replace(el, ...children) {
  el.replaceChildren();
  append(el, children);
}

const shapes = {
  // Each state has a shape of its own, so that none is told by its colour alone.
  firing: () => [h('path', { d: 'M8 1.6 15.2 14.4H.8Z', class: 'fill' }), h('path', { d: 'M8 6v4M8 11.8v.6', class: 'cut' })],
  recovering: () => [h('path', { d: 'M8 2 14.6 13.8H1.4Z', class: 'line' }), h('path', { d: 'M8 11.6V7.2M5.9 9 8 6.8 10.1 9', class: 'line thin' })],
  pending: () => [h('path', { d: 'M8 1.5 14.5 8 8 14.5 1.5 8Z', class: 'line' }), h('path', { d: 'M8 5v3.6M8 10.6v.5', class: 'line' })],
  good: () => [h('circle', { cx: 8, cy: 8, r: 6.2, class: 'line' }), h('path', { d: 'm5.2 8.2 2 2 3.6-4.2', class: 'line' })],
  unknown: () => [h('circle', { cx: 8, cy: 8, r: 6.2, class: 'line dots' })],
  idle: () => [h('path', { d: 'M4 8h8', class: 'line' })],
  resolved: () => [h('circle', { cx: 8, cy: 8, r: 6.2, class: 'line' }), h('path', { d: 'm5.2 8.2 2 2 3.6-4.2', class: 'line' })],
  lost: () => [h('circle', { cx: 8, cy: 8, r: 6.2, class: 'line dots' }), h('path', { d: 'M6 6.4a2 2 0 1 1 2.4 2c-.3.1-.4.3-.4.6v.4M8 11v.4', class: 'line thin' })],
  root: () => [h('circle', { cx: 8, cy: 8, r: 6.2, class: 'line' }), h('circle', { cx: 8, cy: 8, r: 2.4, class: 'fill' })],
};

// glyph returns the sign of a state, with its name for those who can't see it.
export function glyph(state, label, size = 16) {
  const svg = h('svg', { viewBox: '0 0 16 16', width: size, height: size, class: `glyph ${state}` }, (shapes[state] || shapes.unknown)());
  if (label) {
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', label);
    svg.append(h('title', null, label));
  } else {
    svg.setAttribute('aria-hidden', 'true');
  }
  return svg;
}

// update makes el hold children as replace does, but keeps what is the same: who is about to click
// something, has the focus on it or reads it loses nothing.
export function update(el, ...children) {
  const fresh = el.cloneNode(false);
  append(fresh, children);
  updateChildren(el, fresh);
}

function updateChildren(old, fresh) {
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((node, i) => { if (before[i]) updateNode(before[i], node); else old.append(node); });
  before.slice(after.length).forEach((node) => node.remove());
}

// What has listeners or a picture is kept whole or not at all.
const whole = new Set(['BUTTON', 'FORM', 'CANVAS', 'FIGURE', 'svg']);

function updateNode(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType === Node.TEXT_NODE && fresh.nodeType === Node.TEXT_NODE) { old.data = fresh.data; return; }
  if (old.nodeName !== fresh.nodeName || whole.has(old.nodeName)) { old.replaceWith(fresh); return; }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  updateChildren(old, fresh);
}
