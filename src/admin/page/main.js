// The page begins here: what comes from Weir goes into the state, and the state is drawn.

import { at } from './dom.js';
import { drawBar } from './bar.js';
import { drawCertificates, drawReload } from './certificates.js';
import { drawCharts } from './charts.js';
import { askForAll, beginEvents, drawEvents } from './events.js';
import { exact } from './format.js';
import { beginKeys } from './keys.js';
import { follow } from './live.js';
import { drawMachines } from './machines.js';
import { drawNodes } from './nodes.js';
import { drawNotices } from './notices.js';
import * as series from './series.js';
import { beginSheets, drawSheet, openSheet } from './sheets.js';
import { drawSites } from './sites.js';
import { addEvent, isLive, state } from './state.js';
import { beginTheme } from './theme.js';
import { beginWhy } from './why.js';

/** A number older than this is not of now. */
const OLD = 3_000;
const RELOADED = 'weir-page-version';
const skews = [];

function snapshot(found) {
  const before = state.snapshot?.status;
  const gap = performance.now() - state.at > 5_000;
  if (anotherVersion(found.status.version)) return;
  if (before && (gap || startedAnew(before, found.status))) series.forget();
  Object.assign(state, { snapshot: found, at: performance.now(), contact: 'live', problem: null });
  clocks(Date.parse(found.status.now));
  series.follow(found);
  draw();
}

// The uptime is measured by another clock than `started` is told by.
const startedAnew = (before, now) => Math.abs(Date.parse(before.started) - Date.parse(now.started)) > 1_000;

// The page of another version may not understand this Weir: it loads itself again, once for each version.
function anotherVersion(version) {
  if (version === document.documentElement.dataset.version || sessionStorage.getItem(RELOADED) === version) return false;
  sessionStorage.setItem(RELOADED, version);
  location.reload();
  return true;
}

// An answer that was long under way makes the clocks seem to differ: the middle of the last five counts.
function clocks(theirs) {
  skews.push(theirs - Date.now());
  if (skews.length > 5) skews.shift();
  state.skew = skews.length < 3 ? 0 : [...skews].sort((one, other) => one - other)[skews.length >> 1];
}

let drawing = 0;
function event(found) {
  // Those that come together are drawn together.
  if (addEvent(found) && !drawing) drawing = requestAnimationFrame(() => {
    drawing = 0;
    drawEvents();
    drawNodes();
  });
}

function trouble(problem, pause) {
  Object.assign(state, { problem, retryAt: performance.now() + pause });
  if (problem.status === 401 || problem.status === 403) {
    if (state.contact !== 'refused' && !at('sheet').open) openSheet('token');
    state.contact = 'refused';
  } else if (!isLive()) {
    state.contact = 'lost';
  }
  draw();
}

function draw() {
  if (isLive() && performance.now() - state.at > OLD) state.contact = 'lost';
  drawBar();
  drawNotices();
  drawCharts();
  drawNodes();
  drawSites();
  drawCertificates();
  drawReload();
  drawMachines();
  drawEvents();
  drawSheet();
  const status = state.snapshot?.status;
  if (status) at('foot').textContent = `Weir ${status.version}, running since ${exact(status.started).split(' = ')[0]}. Rates and percentiles are of the last minute; totals are since the start, over all reloads.`;
}

beginTheme();
beginSheets();
beginEvents();
beginWhy();
beginKeys(() => {
  Object.assign(state, { pool: '', filter: '' });
  at('filter').value = '';
  drawNodes();
});
at('filter').addEventListener('input', ({ target }) => {
  state.filter = target.value;
  drawNodes();
});
at('reload').addEventListener('click', () => openSheet('reload'));
at('help').addEventListener('click', () => openSheet('help'));
const stream = follow({ snapshot, event, missed: () => askForAll().then(draw), trouble });
addEventListener('weir-token', () => stream.again());
addEventListener('online', () => stream.again());
// What is said of time goes on without snapshots: the countdowns, and since when nothing came.
setInterval(draw, 1_000);
draw();
