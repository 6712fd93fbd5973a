// The bearer token and the operator's name: kept for this tab only, and asked for when they are needed.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

const TOKEN = 'farshore.token';
const WHO = 'farshore.who';

export const token = () => sessionStorage.getItem(TOKEN);
export const who = () => sessionStorage.getItem(WHO) ?? 'dashboard';
export const forgetToken = () => sessionStorage.removeItem(TOKEN);

let asking;

/** Resolves with whether one was given. Several that need it at once ask once. */
export function askForToken(reason) {
  asking ??= ask(reason).finally(() => {
    asking = undefined;
  });
  return asking;
}

async function ask(reason) {
  const secret = h('input', {
    id: 'token',
    type: 'password',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'token-hint',
  });
  const name = h('input', {
    id: 'who',
    type: 'text',
    required: true,
    maxlength: '200',
    autocomplete: 'off',
    value: sessionStorage.getItem(WHO) ?? '',
  });
  const given = await openDialog({
    title: 'Token needed',
    body: [
      reason === '' ? null : h('p.problem', { role: 'alert' }, reason),
      h(
        'p',
        { id: 'token-hint' },
        'Changes, and data of records, need the token in the file that ',
        h('code', 'admin.tokenFile'),
        ' names.',
      ),
      h('label', { for: 'token' }, 'Token'),
      secret,
      h('label', { for: 'who' }, 'Your name, kept with what you do'),
      name,
    ],
    confirm: 'Use this token',
    isReady: () => /^[\x21-\x7e]+$/.test(secret.value.trim()) && name.value.trim() !== '',
    unready: 'Give the token and your name; a token has no spaces.',
  });
  if (!given) return false;
  sessionStorage.setItem(TOKEN, secret.value.trim());
  sessionStorage.setItem(WHO, name.value.trim());
  return true;
}
