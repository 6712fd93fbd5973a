// The shell: where one is, what is true now, and one page at a time. A page is `{ title, load?, everyMs?, render, after? }`.
import { show } from './dom.js';
import { openLive } from './live.js';
import { drawTop } from './top.js';
import { audit } from './views/audit.js';
import { backfills } from './views/backfills.js';
import { cutover } from './views/cutover.js';
import { events } from './views/events.js';
import { overview } from './views/overview.js';
import { partitions } from './views/partitions.js';
import { rejected } from './views/rejected.js';
import { runbooks } from './views/runbooks.js';
import { shadow } from './views/shadow.js';
import { tables } from './views/tables.js';

const pages = { '': overview, partitions, tables, rejected, audit, backfills, shadow, cutover, events, runbooks };
const content = document.getElementById('content');

let here;
const live = openLive(draw);
addEventListener('hashchange', () => go(true));
go(false);
// Its target is no address of a page.
document.querySelector('.skip').onclick = (event) => {
  event.preventDefault();
  content.focus();
};

/** `#/runbooks/lag-grows.md#lag-is-high` → page `runbooks`, rest `lag-grows.md#lag-is-high`. */
function go(isMove) {
  const [, name = '', rest = ''] = /^#\/([a-z]*)\/?(.*)$/.exec(location.hash) ?? [];
  const page = pages[name] ?? overview;
  clearTimeout(here?.timer);
  here = {
    name: pages[name] === undefined ? '' : name,
    page,
    rest,
    local: {},
    data: undefined,
    error: undefined,
    loadedAt: undefined,
    timer: undefined,
  };
  content.replaceChildren();
  draw();
  void load(here);
  if (!isMove) return;
  scrollTo(0, 0);
  // Who does not see the page change hears where it went.
  content.querySelector('h1')?.focus();
}

/** Reads what the stream does not bring, again and again while the page is open. */
async function load(place) {
  const { page } = place;
  clearTimeout(place.timer);
  if (page.load === undefined) return;
  try {
    place.data = await page.load(context(place));
    place.error = undefined;
    place.loadedAt = new Date();
  } catch (error) {
    place.error = error;
  }
  if (place !== here) return;
  draw();
  if (page.everyMs !== undefined) place.timer = setTimeout(() => load(place), page.everyMs);
}

function context(place) {
  return { live, ...place, nowMs: Date.now(), redraw: draw, reload: () => load(place) };
}

function draw() {
  if (here === undefined) return;
  drawTop(live, here.name, here.page.title);
  document.body.classList.toggle('stale', live.isStale);
  const at = context(here);
  show(content, here.page.render(at));
  here.page.after?.(content, at);
}
