// Numbers, durations and times for people: 71 %, 45.6 ms, 2 min 3 s.

// percent writes a ratio with one decimal, or as many as it takes not to round a miss away: 99.96 %,
// not 100 %. Beside a target it is never rounded to the target from below.
export function percent(ratio, target = 1) {
  if (ratio === null || ratio === undefined) return '–';
  const v = ratio * 100;
  for (let n = 1; ; n++) {
    const text = v.toFixed(n);
    const shown = Number(text);
    const isFaithful = (shown < target * 100 - 1e-9) === (ratio < target - 1e-12) && (shown < 100) === (ratio < 1) && (shown > 0) === (ratio > 0);
    if (isFaithful || n === 8) return `${trim(text)}\u00a0%`;
  }
}

function trim(text) {
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
}

// seconds writes a duration with three digits: 45.6 ms.
export function seconds(s) {
  if (s === null || s === undefined) return '–';
  if (s === 0) return '0\u00a0s';
  if (s < 0) return `-${seconds(-s)}`;
  if (s < 0.9995e-6) return `${digits(s * 1e9)}\u00a0ns`;
  if (s < 0.9995e-3) return `${digits(s * 1e6)}\u00a0µs`;
  if (s < 0.9995) return `${digits(s * 1e3)}\u00a0ms`;
  if (s < 60) return `${digits(s)}\u00a0s`;
  return lasted(s);
}

export function nanos(ns) {
  return ns === null || ns === undefined ? '–' : seconds(ns / 1e9);
}

function digits(v) {
  if (v >= 99.95) return v.toFixed(0);
  return trim(v >= 9.995 ? v.toFixed(1) : v.toFixed(2));
}

let units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

// useUnits sets how days, hours, minutes and seconds are written.
export function useUnits(d, h, min, s) { units = [[86400, d], [3600, h], [60, min], [1, s]]; }

// lasted writes a time span with its two largest units: 3 min 20 s.
export function lasted(s) {
  s = Math.max(0, Math.round(s));
  const parts = [];
  for (const [size, name] of units) {
    const n = Math.floor(s / size);
    if (n > 0 || (size === 1 && parts.length === 0)) parts.push(`${n}\u00a0${name}`);
    s -= n * size;
    if (parts.length === 2) break;
    if (parts.length === 1 && s === 0) break;
  }
  return parts.join(' ');
}

// rate writes calls a second.
export function rate(v) {
  if (!v) return '0';
  if (v < 0.01) return v.toFixed(3);
  if (v < 9.95) return trim(v.toFixed(v < 1 ? 2 : 1));
  return count(Math.round(v));
}

// count writes a whole number with thin gaps: 12 345.
export function count(n) {
  if (n === null || n === undefined) return '–';
  return String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

const pad = (n) => String(n).padStart(2, '0');

// clock writes a time of day; with the date where that is another day than today.
export function clock(time, withSeconds = true) {
  const d = time instanceof Date ? time : new Date(time);
  let text = `${pad(d.getHours())}:${pad(d.getMinutes())}`;
  if (withSeconds) text += `:${pad(d.getSeconds())}`;
  const today = new Date();
  if (d.toDateString() !== today.toDateString()) text = `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${text}`;
  return text;
}

