// What the page knows. Drawing reads it; only main.js and what a person chose change it.

/** The most events that are kept here, as many as Weir keeps. */
const MOST_EVENTS = 1000;

export const state = {
  /** The newest snapshot, and when it came (performance.now). */
  snapshot: null,
  at: 0,
  /** connecting, live, lost, or refused (401 or 403). */
  contact: 'connecting',
  /** Why there is no contact, and when the next try is (performance.now). */
  problem: null,
  retryAt: 0,
  /** How far this browser's clock is from Weir's, in milliseconds; positive: Weir's is ahead. */
  skew: 0,
  /** The newest first. */
  events: [],
  certificates: null,
  /** What a person chose. */
  open: new Set(),
  pool: '',
  filter: '',
  eventsOf: '',
};

/** Weir's clock now, as far as it can be told from the last snapshot. */
export function weirsNow() {
  return state.snapshot ? Date.parse(state.snapshot.status.now) + performance.now() - state.at : Date.now();
}

/** Whether what is shown is of now. */
export const isLive = () => state.contact === 'live';

/** Why nothing can be asked for now; empty where it can. */
export const noContact = () => (isLive() ? '' : 'There is no contact with Weir now: what is shown here may be old. Wait until the page is live again.');

/** Adds an event, whichever way it came; the same one comes again after a reconnect. */
export function addEvent(event) {
  const at = event.at ?? event.time;
  const key = `${event.number}@${at}`;
  if (state.events.some(known => known.key === key)) return false;
  const place = state.events.findIndex(known => known.at < at || (known.at === at && known.number < event.number));
  state.events.splice(place < 0 ? state.events.length : place, 0, { ...event, at, key });
  if (state.events.length > MOST_EVENTS) state.events.length = MOST_EVENTS;
  return true;
}

/** The node that an event is about; empty where it is about none. */
export function nodeOf(event) {
  if (event.node) return event.node;
  const names = state.snapshot?.status.nodes ?? [];
  const last = event.subject?.split('/').at(-1) ?? '';
  return names.find(name => last === name || last.startsWith(`${name}@`)) ?? '';
}

/** A node's state as it is shown: `safe` where an operator took it out and nothing runs there any more. */
export const stateOf = node => (node.safe_to_stop ? 'safe' : node.verdict);

/** The word beside the shape. */
const WORDS = { safe: 'safe to stop', unused: 'in no pool', gone: 'removed' };
export const word = name => WORDS[name] ?? name;

/** How long the node has its state: that of the pools that are the reason for it. */
export function sinceSeconds(node) {
  const meant = node.pools.filter(pool => (node.verdict === 'active' ? pool.state === 'active' : pool.reason === node.verdict));
  const known = (meant.length ? meant : node.pools).map(pool => pool.since_seconds).filter(seconds => seconds != null);
  return known.length ? Math.max(...known) : null;
}

const RANK = ['unhealthy', 'ejected', 'checking', 'draining', 'maintenance', 'safe', 'active', 'standby', 'unused'];

/** Trouble first, then by name. */
export function byTrouble(one, other) {
  const rank = node => (RANK.includes(stateOf(node)) ? RANK.indexOf(stateOf(node)) : 0);
  return rank(one) - rank(other) || one.node.localeCompare(other.node, 'en', { numeric: true });
}
