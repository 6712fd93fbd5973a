// One question at a time, in the browser's own modal dialog: focus stays inside, Escape says no.
import { h } from './dom.js';

/** Resolves with whether it was confirmed. */
export function openDialog({ title, body, confirm, isDangerous = false, isReady = () => true, unready = '' }) {
  return new Promise((resolve) => {
    const problem = h('p.problem', { role: 'alert', hidden: true });
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'dialog-title' },
      h(
        'form',
        {
          onsubmit: (event) => {
            event.preventDefault();
            if (isReady()) dialog.close('confirmed');
            else {
              problem.textContent = unready;
              problem.hidden = false;
            }
          },
        },
        h('h2', { id: 'dialog-title' }, title),
        body,
        problem,
        h(
          'div.actions',
          h('button', { type: 'button', onclick: () => dialog.close('') }, 'Cancel'),
          h(isDangerous ? 'button.primary.danger' : 'button.primary', { type: 'submit' }, confirm),
        ),
      ),
    );
    const before = document.activeElement;
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'confirmed');
      dialog.remove();
      before?.focus?.();
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector('input:not([type=hidden])')?.focus();
  });
}
