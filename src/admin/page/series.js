// Ten minutes of numbers by seconds: asked for once, then carried on from the snapshots.

import { get } from './api.js';

export const SECONDS = 600;

const tracks = new Map();
let asking = Promise.resolve();

/** What is known of `all` or `node:NAME`: lists of numbers, the newest last; null where nothing is known. */
export const track = of => tracks.get(of);

/** Takes the numbers of a snapshot. Asks for what was before where that is not known. */
export function follow(snapshot) {
  add('all', snapshot.status, snapshot.status.last_minute.milliseconds?.p95);
  for (const node of snapshot.nodes) add(`node:${node.node}`, node);
  const named = new Set(snapshot.nodes.map(node => `node:${node.node}`).concat('all'));
  for (const of of tracks.keys()) if (!named.has(of)) tracks.delete(of);
}

/** After a gap everything is asked for again. */
export const forget = () => tracks.clear();

function add(of, { total }, p95 = null) {
  const known = tracks.get(of);
  if (!known) {
    tracks.set(of, { requests: [], errors: [], p95: [], total });
    // One after the other: a page that opens is no burst.
    asking = asking.then(() => before(of)).catch(() => {});
    return;
  }
  // A reload may take a part of a total with it.
  push(known.requests, Math.max(0, total.requests - known.total.requests));
  push(known.errors, Math.max(0, total.status['5xx'] - known.total.status['5xx']));
  push(known.p95, p95);
  known.total = total;
}

async function before(of) {
  const series = await get(`/api/v1/series?of=${encodeURIComponent(of)}&last=10m`);
  const known = tracks.get(of);
  if (!known) return;
  // What came since the question is in both: its seconds are left out of the older part.
  const since = known.requests.length;
  const older = list => list.slice(0, Math.max(0, list.length - since));
  known.requests.unshift(...older(series.requests));
  known.errors.unshift(...older(series.errors));
  known.p95.unshift(...older(series.p95_milliseconds));
  for (const list of [known.requests, known.errors, known.p95]) list.splice(0, Math.max(0, list.length - SECONDS));
}

function push(list, value) {
  list.push(value);
  if (list.length > SECONDS) list.shift();
}

/** Averages of equal steps, the newest last; null where no second of a step has a number. */
export function steps(list, count) {
  const width = SECONDS / count;
  return Array.from({ length: count }, (_, step) => {
    const end = list.length - (count - 1 - step) * width;
    const known = list.slice(Math.max(0, end - width), Math.max(0, end)).filter(value => value != null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  });
}
