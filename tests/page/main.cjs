// What a person sees on the dashboard, step by step, in a real Chromium. Arguments: Weir's binary and Chromium's.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { HOSTILE, World, freePort } = require('./world.cjs');

const PICTURES = path.join(__dirname, '../../target/page');
const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [binary, browserPath] = process.argv.slice(2);
/** What the browser complained of, and what it asked of others. */
const complaints = [];
let world;
let page;

const STEPS = {
  async 'all is well, and the numbers are of now'() {
    await world.traffic();
    await page.goto(world.url);
    await sees('#verdict-word', 'All well');
    await sees('#verdict-sentence', 'site shop is closed: every request is answered 503');
    await sees('#site-table', /shop\.test → closed, answers 503/);
    await sees('#live-word', 'live');
    await sees('[data-node=worker1] .word', 'active');
    assert.match(await page.title(), /^● All well – Weir /);
    await until('the requests are counted', async () => Number((await text('#bar-rate')).replace(/\D/g, '')) > 0);
  },

  async 'a killed worker is red with its reason within 2 s, and on top'() {
    await world.nodes.worker2.stop();
    const from = Date.now();
    await sees('[data-node=worker2] .word', 'unhealthy', 2_000);
    await sees('[data-node=worker2] .reason', /connection refused/, Math.max(1, 2_000 - (Date.now() - from)));
    assert.equal(await page.locator('#node-table [data-node]').first().getAttribute('data-node'), 'worker2');
    const colour = await page.$eval('[data-node=worker2] .word', word => getComputedStyle(word).color);
    const [red, green, blue] = colour.match(/\d+/g).map(Number);
    assert.ok(red > 1.5 * green && red > 1.5 * blue, colour);
    await sees('#verdict-word', 'Degraded');
    assert.match(await page.title(), /^▲ Degraded/);
    await world.nodes.worker2.start();
    await sees('#verdict-word', 'All well');
  },

  async 'what a hostile node says is text'() {
    world.nodes.manager.answer = (_, response) => {
      response.statusCode = 500;
      response.end(HOSTILE);
    };
    await sees('[data-node=manager] .reason', /<script>window\.hacked/);
    await sees('#event-list', /<script>window\.hacked/);
    await sees('#verdict-word', 'Down');
    assert.match(await page.title(), /^✕ Down/);
    await pictures('down');
    world.nodes.manager.answer = (_, response) => response.end('hello\n');
    await sees('#verdict-word', 'All well');
    await notHacked();
  },

  async 'names that no configuration could have are text too'() {
    const fresh = await page.context().newPage();
    const [status, nodes, pools, sites] = await Promise.all(['status', 'nodes', 'pools', 'sites'].map(async part => JSON.parse((await world.ask(world.admin, `/api/v1/${part}`)).text)));
    Object.assign(nodes[0], { node: HOSTILE, address: HOSTILE });
    nodes[0].pools.forEach(pool => Object.assign(pool, { pool: HOSTILE, address: HOSTILE }));
    pools[0].pool = sites[0].site = sites[0].hosts[0] = HOSTILE;
    status.verdict.sentence = `Degraded: ${HOSTILE}`;
    const snapshot = `event: snapshot\ndata: ${JSON.stringify({ status, nodes, pools, sites, operations: [] })}\n\n`;
    const event = `event: event\nid: 1-1\ndata: ${JSON.stringify({ number: 1, at: status.now, kind: 'operator', subject: HOSTILE, text: HOSTILE, actor: HOSTILE, reason: HOSTILE })}\n\n`;
    await fresh.route('**/api/v1/stream', route => route.fulfill({ contentType: 'text/event-stream', body: snapshot + event }));
    await fresh.goto(world.url);
    await fresh.locator('#event-list q', { hasText: 'hacked' }).waitFor();
    await fresh.locator('.open', { hasText: 'hacked' }).first().click();
    await notHacked(fresh);
    await fresh.close();
  },

  async 'the why box draws the way of a request'() {
    await page.locator('#why-url').fill(`http://esb.test:${world.http}/services/Echo`);
    await page.locator('#why-form button').click();
    await sees('#why-answer .chain', /plain[\s\S]*esb[\s\S]*worker[12]/);
    await page.locator('#why-url').fill(`http://esb.test:${world.http}/closed`);
    await page.locator('#why-form button').click();
    await sees('#why-answer .chain', /Denied/);
    await page.locator('#why-url').fill('esb.test/a b');
    await page.locator('#why-form button').click();
    await sees('#why-answer [role=alert]', /blank/);
  },

  async 'everything can be reached by keys'() {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    const second = await page.locator('#node-table [data-node]').nth(1).getAttribute('data-node');
    assert.equal(await page.evaluate(() => document.activeElement.closest('[data-node]')?.dataset.node), second);
    await page.keyboard.press('Enter');
    await page.locator(`[data-node=${second}] .inside table`).waitFor({ state: 'visible' });
    await page.keyboard.press('Enter');
    await page.keyboard.press('d');
    await sees('#sheet-title', `Drain ${second}`);
    for (let presses = 0; presses < 12; presses++) {
      await page.keyboard.press('Tab');
      assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') != null), 'the focus left the sheet');
    }
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.closest('[data-node]')?.dataset.node), second);
    await page.keyboard.press('/');
    await page.keyboard.type('manager');
    await until('one node fits', async () => (await page.locator('#node-table [data-node]').count()) === 1);
    await page.keyboard.press('Escape');
    await until('all nodes are back', async () => (await page.locator('#node-table [data-node]').count()) === 3);
    const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.keyboard.press('t');
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), before);
    await page.keyboard.press('t');
    await page.keyboard.press('w');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'why-url');
    await page.evaluate(() => document.activeElement.blur());
  },

  async 'without a token the page says that it only reads, with one it may operate'() {
    await choose('worker1', 'Drain…');
    await page.locator('dialog .verb').click();
    await sees('dialog [role=alert]', /Write a reason/);
    await page.locator('dialog label:has-text("Reason") input').fill('kernel update');
    await page.locator('dialog .verb').click();
    await sees('dialog [role=alert]', /only reads/);
    await page.locator('dialog button', { hasText: /Give a token/ }).click();
    await page.locator('dialog input[type=password]').fill('wrong');
    await page.locator('dialog .verb').click();
    await sees('dialog [role=alert]', /does not know this token/);
    await page.locator('dialog input[type=password]').fill(world.token);
    await page.locator('dialog .verb').click();
    await sees('#sheet-title', 'Drain worker1');
    await page.keyboard.press('Escape');
  },

  async 'a drain counts down to safe'() {
    const held = [];
    for (const node of [world.nodes.worker1, world.nodes.worker2]) node.answer = (request, response) => (request.url === '/slow' ? held.push(response) : response.end('hello\n'));
    const slow = [1, 2].map(() => world.ask(world.http, '/slow').catch(() => {}));
    await until('both workers have a slow request', async () => held.length === 2);
    await choose('worker1', 'Drain…');
    await sees('dialog .consequences', /1 request of now may finish[\s\S]*esb keeps 1 active node: worker2/);
    await page.locator('dialog label:has-text("Reason") input').fill('kernel update');
    await page.locator('dialog .verb').click();
    await sees('dialog .done', /worker1 is draining: .*1 request left/);
    await page.locator('dialog button', { hasText: 'Close' }).click();
    await sees('#notices', /Draining worker1: .*1 request left/);
    const first = await text('.notice .countdown');
    assert.match(first, /^(29|30):\d\d$/);
    await until('the countdown falls', async () => (await text('.notice .countdown')) < first);
    await pictures('draining');
    held.forEach(response => response.end('at last\n'));
    await Promise.all(slow);
    await sees('#notices', /worker1 is safe to stop/);
    await sees('[data-node=worker1] .word', 'safe to stop');
    await sees('#event-list', /kernel update/);
  },

  async 'the last node of a pool asks for its name'() {
    await sees('#verdict-sentence', /; worker1 (draining|drained), by .*/);
    await choose('worker2', 'Maintain…');
    await sees('dialog .force', /esb/);
    await page.locator('dialog label:has-text("Reason") input').fill('both at once');
    await page.locator('dialog .verb').click();
    await sees('dialog [role=alert]', /Write worker2/);
    await page.keyboard.press('Escape');
    await sees('[data-node=worker2] .word', 'active');
    await choose('worker1', 'Activate…');
    await page.locator('dialog label:has-text("Reason") input').fill('patched');
    await page.locator('dialog .verb').click();
    await sees('dialog .done', /worker1 is active/);
    await page.keyboard.press('Escape');
    await sees('[data-node=worker1] .word', 'active');
  },

  async 'a node that rests and leaves its pool without any is no good news'() {
    await choose('manager', 'Maintain…');
    await page.locator('dialog label:has-text("Reason") input').fill('console');
    await page.locator('dialog .force input').fill('manager');
    await page.locator('dialog .verb').click();
    await sees('dialog .done', /manager/);
    await page.keyboard.press('Escape');
    await sees('#verdict-word', 'Down');
    await sees('#verdict-sentence', /manager in maintenance, ordered by .*: console/);
    await sees('#notices [data-tone=warn]', /manager rests, and manager has no active node/);
    assert.equal(await page.locator('#notices [data-tone=ok]').count(), 0);
    await choose('manager', 'Activate…');
    await page.locator('dialog label:has-text("Reason") input').fill('done');
    await page.locator('dialog .verb').click();
    await sees('dialog .done', /manager/);
    await page.keyboard.press('Escape');
    await sees('#verdict-word', 'All well');
  },

  async 'a reload that is refused says why, and one that is good what it changes'() {
    const file = path.join(world.dir, 'weir.toml');
    const good = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, good.replace('pool = "manager"', 'pool = "manger"'));
    await page.locator('#reload').click();
    await sees('dialog', /would be refused[\s\S]*manger/);
    await page.locator('dialog label:has-text("Reason") input').fill('new console');
    await page.locator('dialog .verb').click();
    await sees('dialog', /Refused[\s\S]*manger/);
    await page.keyboard.press('Escape');
    await sees('#notices', /Reload refused .*manger/);
    fs.writeFileSync(file, good);
    await page.locator('#reload').click();
    await sees('dialog', /nothing would change/);
    await page.locator('dialog label:has-text("Reason") input').fill('as it was');
    await page.locator('dialog .verb').click();
    await sees('dialog .done', /Generation 2 runs/);
    await page.keyboard.press('Escape');
    await sees('#verdict-word', 'All well');
  },

  async 'contact that is lost is said, and found again after a restart'() {
    await world.stopWeir();
    await sees('#verdict-word', 'Unknown', 6_000);
    await sees('#notices', /Lost contact \d+.s ago.*everything below is of \d\d:\d\d:\d\d/);
    await sees('#live-word', 'no contact');
    assert.match(await page.title(), /^\? Unknown/);
    assert.match(await page.$eval('#bar-rate', number => getComputedStyle(number).textDecorationLine), /line-through/);
    await pictures('lost');
    await world.start();
    await sees('#verdict-word', 'All well');
    await sees('#live-word', 'live');
    await until('the line is gone', async () => !(await text('#notices')).includes('contact'));
  },

  async 'what machines share is shown, and what is not known of the others'() {
    const file = path.join(world.dir, 'weir.toml');
    const alone = fs.readFileSync(file, 'utf8');
    assert.equal(await page.locator('#machines-section').isVisible(), false);
    await world.stopWeir();
    fs.writeFileSync(path.join(world.dir, 'shared.secret'), '0123456789abcdef'.repeat(4), { mode: 0o600 });
    fs.writeFileSync(file, `${alone}[shared]\nsecret = "shared.secret"\nservers = ["127.0.0.1:${await freePort()}"]\n`);
    await world.start();
    await sees('#machines', /127\.0\.0\.1:\d+\s+not used for \d+\ss\s*cannot connect/);
    await sees('#verdict-sentence', /the shared server 127\.0\.0\.1:\d+ cannot be used/);
    await world.command('maintain', 'worker1');
    await sees('#notices', /worker1 gets nothing new[\s\S]*it is not known what other machines have/);
    await accessible('machines');
    await world.command('activate', 'worker1');
    await world.stopWeir();
    fs.writeFileSync(file, alone);
    await world.start();
    await sees('#verdict-word', 'All well');
    await until('the section is gone', async () => !(await page.locator('#machines-section').isVisible()));
  },

  async 'an upgrade shows both processes as long as there are two'() {
    const before = world.weir.pid;
    const now = await world.upgrade();
    await sees('#verdict-sentence', new RegExp(`upgraded just now: process ${before} before it has \\d+ connections? left`));
    await world.ended;
    await until('the process before is gone', async () => !(await text('#verdict-sentence')).includes('upgraded'));
    assert.equal(JSON.parse((await world.ask(world.admin, '/api/v1/status')).text).pid, now);
    await sees('#live-word', 'live');
  },

  async 'four pictures without a fault that keeps people out'() {
    await world.traffic();
    await page.locator('[data-node=worker1] .open').click();
    await pictures('well');
    await page.locator('[data-node=worker1] .open').click();
    await page.locator('#help').click();
    await accessible('help');
    await page.keyboard.press('Escape');
  },

  async 'nothing was asked of anybody else, and the browser complained of nothing'() {
    assert.deepEqual(complaints, []);
  },
};

async function main() {
  fs.mkdirSync(PICTURES, { recursive: true });
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
  let [passed, failed] = [0, 0];
  try {
    world = await World.make(binary);
    const context = await browser.newContext({ viewport: SIZES.wide, colorScheme: 'light' });
    context.setDefaultTimeout(10_000);
    page = await context.newPage();
    watch(context);
    for (const [name, step] of Object.entries(STEPS)) {
      try {
        await step();
        passed += 1;
        console.log(`ok: ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED: ${name}: ${error.stack}`);
        await page.screenshot({ path: path.join(PICTURES, `failed-${failed}.png`) }).catch(() => {});
        await page.keyboard.press('Escape').catch(() => {});
      }
    }
    if (failed) console.log(world.journal());
  } finally {
    await browser.close();
    await world?.end();
  }
  console.log(`${passed} passed, ${failed} failed (the page in a browser)`);
  process.exitCode = failed ? 1 : 0;
}

// A status that says no is no fault of the page; neither is that nobody answers while Weir is away.
function watch(context) {
  context.on('page', one => one.on('pageerror', error => complaints.push(error.stack)));
  context.pages().forEach(one => one.on('pageerror', error => complaints.push(error.stack)));
  context.on('console', message => {
    if (['error', 'warning'].includes(message.type()) && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  context.on('request', request => {
    if (!request.url().startsWith(world.url) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`);
  });
}

async function notHacked(where = page) {
  assert.equal(await where.evaluate(() => window.hacked), undefined);
  assert.equal(await where.evaluate(() => document.querySelectorAll('script, img').length), 1);
}

// Both themes and both widths: a picture, no scrolling to the side, and nothing that axe finds.
async function pictures(name) {
  for (const scheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize(viewport);
      await accessible(`${name}, ${scheme}, ${size}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${name} ${scheme} ${size} is ${over} pixels too wide`);
      assert.deepEqual(await page.evaluate(coveredLines), [], `${name} ${scheme} ${size}: a menu covers these lines`);
      await page.screenshot({ path: path.join(PICTURES, `${name}-${scheme}-${size}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(SIZES.wide);
}

/** The nodes whose line of numbers is under their menu's button. */
function coveredLines() {
  const rows = [...document.querySelectorAll('#node-table [data-node]')];
  const covered = rows.filter(row => {
    const [line, button] = ['.spark', '.dots'].map(part => row.querySelector(part).getBoundingClientRect());
    return line.right > button.left && line.left < button.right && line.bottom > button.top && line.top < button.bottom;
  });
  return covered.map(row => row.dataset.node);
}

async function accessible(what) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(node => node.html.slice(0, 160)).join(' | ')}`);
  assert.deepEqual(told, [], what);
}

async function choose(node, entry) {
  await page.locator(`[data-node=${node}] .dots`).click();
  await page.locator(`[data-node=${node}] .menu button`, { hasText: entry }).click();
  await page.locator('dialog[open]').waitFor();
}

async function text(selector) {
  const found = page.locator(selector).first();
  return (await found.count()) ? found.innerText() : '';
}

async function sees(selector, wanted, most = 15_000) {
  await until(`${selector} says ${wanted}`, async () => {
    const said = (await text(selector)).trim();
    return typeof wanted === 'string' ? said === wanted : wanted.test(said);
  }, most, () => text(selector));
}

async function until(what, holds, most = 15_000, instead = async () => '') {
  for (const from = Date.now(); ;) {
    if (await holds()) return;
    if (Date.now() - from > most) throw new Error(`not within ${most} ms: ${what}; instead: ${(await instead()).slice(0, 400)}`);
    await new Promise(done => setTimeout(done, 40));
  }
}

main().catch(error => {
  console.log(`FAILED: the page in a browser: ${error.stack}`);
  process.exitCode = 1;
});
