// The bar on top, the tab's title and its icon: how Weir is, before anything else.

import { at, mark, say } from './dom.js';
import { NONE, clock, exact, grouped, milliseconds, percent, rate, count } from './format.js';
import { draw, icon } from './shapes.js';
import { isLive, state, weirsNow } from './state.js';

const WORD = { well: 'All well', degraded: 'Degraded', down: 'Down', unknown: 'Unknown' };
const SIGN = { well: '●', degraded: '▲', down: '✕', unknown: '?' };
const LIVE = { connecting: 'connecting', live: 'live', lost: 'no contact', refused: 'no access' };

export function drawBar() {
  const status = state.snapshot?.status;
  const verdict = isLive() ? status.verdict.word : 'unknown';
  const machine = status?.machine ?? location.host;
  mark(document.body, 'data-contact', state.contact);
  mark(document.body, 'data-verdict', verdict);
  draw(at('verdict-shape'), verdict);
  say(at('machine'), machine);
  say(at('verdict-word'), !status && state.contact === 'connecting' ? 'Connecting' : WORD[verdict]);
  say(at('verdict-sentence'), [sentence(status), upgrade(status)].filter(Boolean).join('; '));
  say(at('live-word'), LIVE[state.contact]);
  const title = `${SIGN[verdict]} ${WORD[verdict]} – Weir ${machine}`;
  if (document.title !== title) document.title = title;
  mark(at('icon'), 'href', icon(verdict));
  if (status) figures(status);
}

function sentence(status) {
  if (!status) return state.problem?.message ?? '';
  const told = status.verdict.sentence;
  if (!isLive()) return `No contact since ${clock(status.now)}. Last known: ${told}`;
  const [, rest] = /^(?:All well;|Degraded:|Down:) (.*)$/s.exec(told) ?? [];
  if (rest) return rest;
  return status.last_minute.requests ? '' : 'No request in the last minute';
}

/** The process from which this one took over, as long as it is there. */
function upgrade(status) {
  if (!status?.before || !isLive()) return '';
  const { pid, connections } = status.before;
  return `upgraded just now: process ${pid} before it has ${grouped(connections)} ${connections === 1 ? 'connection' : 'connections'} left`;
}

function figures(status) {
  const { last_minute: minute } = status;
  const flight = state.snapshot.nodes.reduce((sum, node) => sum + node.in_flight, 0);
  const told = [
    ['bar-rate', rate(minute.per_second), `${grouped(minute.requests)} requests in ${minute.seconds} s`],
    ['bar-errors', minute.error_percent == null ? NONE : percent(minute.error_percent), `${grouped(minute.status['5xx'])} answers with 5xx in ${minute.seconds} s`],
    ['bar-p95', milliseconds(minute.milliseconds?.p95), '95 of 100 requests of the last minute took no longer'],
    ['bar-flight', count(flight), 'requests at nodes now'],
  ];
  for (const [id, text, title] of told) {
    say(at(id), text);
    mark(at(id), 'title', title);
  }
  // Without contact the clock stands, as all other numbers do.
  const now = isLive() ? weirsNow() : Date.parse(status.now);
  say(at('clock'), clock(now));
  mark(at('clock'), 'title', `Weir's clock: ${exact(now)}`);
}
