// What people do: asked again where it matters, then told how it ended.
import { Refused } from './api.js';
import { openDialog } from './dialog.js';
import { h } from './dom.js';

const SHOWN_MS = 12_000;

/** Says how something ended, to the eye and to a screen reader. */
export function say(text, state = 'fine', hint = null) {
  const close = h('button.quiet', { type: 'button', 'aria-label': 'Close this message', onclick: () => toast.remove() }, '×');
  const toast = h('div.toast', { class: state }, h('div', h('p', text), hint === null ? null : h('p.quiet', hint)), close);
  document.getElementById('said').append(toast);
  if (state === 'fine') setTimeout(() => toast.remove(), SHOWN_MS);
}

/** Asks where `ask` is given, does it, and says how it ended. Resolves with the answer, or undefined when it was not done. */
export async function act({ ask, work, done }) {
  if (ask !== undefined && !(await openDialog(ask))) return undefined;
  try {
    const answer = await work();
    say(done(answer));
    return answer;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message, error.status === 504 ? 'attention' : 'broken', error.hint);
    return undefined;
  }
}
