// The stream of snapshots and events. It is read by fetch, because EventSource can send no token.

import { Refused, fields, get } from './api.js';

/** A snapshot comes each second: so long without a byte, and the contact is lost. */
const SILENCE = 4_000;
/** The pauses before the next tries. */
const PAUSES = [500, 1_000, 2_000, 3_000];

/**
 * Follows for ever. Tells `told.snapshot(snapshot)`, `told.event(event)`, `told.missed()` when
 * events were left out, `told.trouble(problem, pause)` when a try ended;
 * `again()` of what is returned tries at once.
 */
export function follow(told) {
  let lastId = '';
  let failures = 0;
  let wake = () => {};

  async function stream() {
    const stop = new AbortController();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(new Error('nothing came for 4 s')), SILENCE);
    };
    alive();
    try {
      const headers = fields(lastId ? { Accept: 'text/event-stream', 'Last-Event-ID': lastId } : { Accept: 'text/event-stream' });
      const response = await fetch('/api/v1/stream', { headers, cache: 'no-store', signal: stop.signal });
      if (!response.ok) throw await Refused.of(response);
      await messages(response.body, alive, ({ event, data, id }) => {
        failures = 0;
        if (id) lastId = id;
        if (event === 'snapshot') told.snapshot(JSON.parse(data));
        else if (event === 'event') told.event(JSON.parse(data));
        else if (event === 'missed') told.missed();
      });
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  // For when as many look on as may: the same by single questions.
  async function poll() {
    const [status, nodes, pools, sites, operations, cluster] = await Promise.all(
      ['status', 'nodes', 'pools', 'sites', 'operations', 'cluster'].map(part => get(`/api/v1/${part}`).catch(error => {
        if (part === 'operations' && error.status === 404) return [];
        throw error;
      })));
    const { events } = await get('/api/v1/events?limit=50');
    failures = 0;
    told.snapshot({ status, nodes, pools, sites, operations, cluster });
    for (const event of events) told.event(event);
  }

  (async () => {
    for (;;) {
      let problem = new Refused(0, { detail: 'the stream ended' });
      let pause = PAUSES[Math.min(failures, PAUSES.length - 1)];
      try {
        await stream();
      } catch (error) {
        // A TypeError is all that the browser says when there is no way to Weir.
        problem = error instanceof TypeError ? new Refused(0, { detail: 'nobody answers there' }) : error;
        if (error.status === 503 || error.status === 404) {
          await poll().then(() => (problem = null), worse => (problem = worse));
          pause = 2_000;
        }
      }
      failures += 1;
      if (problem) told.trouble(problem, pause);
      await new Promise(done => {
        wake = done;
        setTimeout(done, pause);
      });
    }
  })();
  return { again: () => wake() };
}

/** Reads server-sent events: lines `event:`, `data:` and `id:`, an empty line after each. */
async function messages(body, alive, got) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let message = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (message.data != null) got(message);
        message = {};
        continue;
      }
      const [, name, text] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (name === 'data') message.data = message.data == null ? text : `${message.data}\n${text}`;
      else if (name) message[name] = text;
    }
  }
}
