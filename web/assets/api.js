// The page's own use of the JSON API.

// get returns the answer to a request, or throws an error with its status.
export async function get(name, params) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params || {})) {
    for (const v of Array.isArray(value) ? value : [value]) query.append(key, v);
  }
  const text = query.toString();
  const response = await fetch(`api/v1/${name}${text ? `?${text}` : ''}`, { cache: 'no-store' });
  if (!response.ok) {
    const error = new Error(`${name}: ${response.status}`);
    error.status = response.status;
    throw error;
  }
  return response.json();
}

// post sends a request that changes something. It throws an error with what went wrong.
export async function post(name, body) {
  const response = await fetch(`api/v1/${name}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || String(response.status));
  return answer;
}

// watch calls on.status with how everything stands: at once, and after each period; on.connection
// with true and false; and on.end when the monitor is shut down.
export function watch(on) {
  let events = null, isOver = false, again = 0;
  const refresh = async () => {
    try {
      const s = await get('status');
      on.status(s, true);
      if (s.ended) { isOver = true; on.end(); if (events) events.close(); }
    } catch {
      on.connection(false);
    }
  };
  const open = () => {
    events = new EventSource('api/v1/events');
    events.addEventListener('hello', () => { again = 0; on.connection(true); refresh(); });
    events.addEventListener('period', (e) => on.status(JSON.parse(e.data), false));
    events.addEventListener('end', () => { isOver = true; events.close(); on.end(); });
    events.onerror = () => {
      if (isOver) return;
      on.connection(false);
      if (events.readyState === EventSource.CLOSED) { // refused: the browser gives up, we don't
        again = Math.min(again + 1, 6);
        setTimeout(open, 1000 * 2 ** again);
      }
    };
  };
  refresh();
  open();
}
