// Questions to Weir, with the token where one was given.

const TOKEN = 'weir-token';

/** What Weir said instead of an answer: a problem document, or that nobody answered. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `Weir answered ${status}`);
    this.status = status;
    this.problem = problem;
  }

  static async of(response) {
    const problem = await response.json().catch(() => ({}));
    // The older form has a list.
    const first = problem.problems?.[0];
    return new Refused(response.status, problem.detail || !first ? problem : { ...problem, detail: first.what, advice: first.advice });
  }
}

export const token = () => sessionStorage.getItem(TOKEN) ?? '';

/** Kept for this tab only, until it is closed. */
export function keepToken(text) {
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

/** Fields of every request. */
export function fields(more = {}) {
  return token() ? { ...more, Authorization: `Bearer ${token()}` } : more;
}

/** Reads a path: its JSON, or throws a Refused. */
export async function get(path) {
  return answer(fetch(path, { headers: fields({ Accept: 'application/json' }), cache: 'no-store', signal: AbortSignal.timeout(8_000) }));
}

/** Whether Weir knows a token. It is not kept before that: what runs beside would be refused with it. */
export async function knows(text) {
  const headers = { Accept: 'application/json', Authorization: `Bearer ${text}` };
  const told = fetch('/api/v1/status', { headers, cache: 'no-store', signal: AbortSignal.timeout(8_000) });
  return answer(told).then(() => true, error => {
    if (error.status === 401 || error.status === 403) return false;
    throw error;
  });
}

/** Asks for a change; without a body where there is none to tell. */
export async function send(method, path, body) {
  const kind = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const headers = fields({ Accept: 'application/json', 'X-Weir': 'page', ...kind });
  return answer(fetch(path, { method, headers, body: JSON.stringify(body), cache: 'no-store', signal: AbortSignal.timeout(60_000) }));
}

async function answer(asked) {
  let response;
  try {
    response = await asked;
  } catch (error) {
    throw new Refused(0, { detail: `nobody answered (${error.message})`, advice: 'Is Weir running, and the way to it open?' });
  }
  if (!response.ok) throw await Refused.of(response);
  return response.status === 204 ? null : response.json();
}
