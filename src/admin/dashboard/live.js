// The stream of GET /api/live. Figures count as current for as long as a status comes each second.
const STALE_MS = 5_000;
const KEPT_SAMPLES = 4_000;
const KEPT_EVENTS = 500;
/** A browser gives one host few connections: a page nobody looks at gives its own back. */
const HIDDEN_MS = 60_000;

export function openLive(onChange) {
  const live = { status: undefined, samples: [], events: [], heardMs: undefined, isStale: true, problem: undefined };
  let source;
  let hidden;

  const changed = () => onChange(live);
  const take = (type, act) =>
    source.addEventListener(type, ({ data }) => {
      act(JSON.parse(data));
      changed();
    });

  function open() {
    source?.close();
    source = new EventSource('/api/live');
    take('history', ({ samples, events }) => {
      live.samples = samples;
      live.events = events;
    });
    take('status', (status) => {
      live.status = status;
      live.heardMs = performance.now();
      live.isStale = false;
      live.problem = undefined;
      if (live.samples.push(status.sample) > KEPT_SAMPLES) live.samples.shift();
    });
    take('happened', (event) => {
      live.events = [...live.events.filter(({ id }) => id !== event.id), event].slice(-KEPT_EVENTS);
    });
    source.addEventListener('error', () => {
      live.problem = 'The daemon does not answer.';
      live.isStale = true;
      // After an answer that is none, the browser does not try again by itself.
      if (source.readyState === EventSource.CLOSED) {
        live.problem = 'The daemon refused the stream; trying again.';
        setTimeout(open, 5_000);
      }
      changed();
    });
  }

  setInterval(() => {
    const isStale = live.heardMs === undefined || performance.now() - live.heardMs > STALE_MS;
    if (isStale && !live.isStale) {
      live.isStale = true;
      live.problem = 'The daemon is connected and says nothing.';
    }
    changed();
  }, 1_000);

  document.addEventListener('visibilitychange', () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(() => source.close(), HIDDEN_MS);
    else if (source.readyState === EventSource.CLOSED) open();
  });

  open();
  return live;
}
