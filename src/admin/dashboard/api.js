// Asks the daemon. What changes something, or reads data of the company, goes with the token.
import { askForToken, forgetToken, token, who } from './token.js';

const ANSWER_LIMIT_MS = 40_000;

/** An answer that is not what was asked for; `hint` says what to do. */
export class Refused extends Error {
  constructor({ message, hint }, status) {
    super(message);
    this.hint = hint ?? null;
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  } catch {
    throw new Refused(
      { message: 'The daemon does not answer.', hint: 'Nothing is known of what was asked; look again before you repeat it.' },
      0,
    );
  }
  const body = await answer.json().catch(() => ({ message: `The answer with status ${answer.status} cannot be read.` }));
  if (!answer.ok) throw new Refused(body, answer.status);
  return body;
}

/** Open to whoever reaches the page. */
export const read = (path) => ask(path);

async function withToken(path, options) {
  for (let reason = token() === null ? '' : undefined; ; ) {
    if (reason !== undefined && !(await askForToken(reason))) throw new Refused({ message: 'Nothing was asked: no token was given.' }, 401);
    try {
      return await ask(path, { ...options(), headers: { ...options().headers, authorization: `Bearer ${token()}` } });
    } catch (error) {
      if (error.status !== 401) throw error;
      forgetToken();
      reason = `The daemon refused that token: ${error.message}.`;
    }
  }
}

/** Asks for the token once and remembers it for this tab. */
export const readSecret = (path) => withToken(path, () => ({}));

export const change = (path, body) =>
  withToken(path, () => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, by: who() }),
  }));
