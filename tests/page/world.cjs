// A cluster on this machine: nodes that answer as the test wants, and a real Weir before them.

const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { execFile, spawn, spawnSync } = require('node:child_process');

/** What a hostile node answers: read as HTML, it would set `hacked`. */
const HOSTILE = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">';

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise(done => server.once('listening', done));
  const { port } = server.address();
  await new Promise(done => server.close(done));
  return port;
}

/** A node: `answer(request, response)` may be changed at any time, `stop()` takes it off the network, `start()` puts it back. */
class Node {
  constructor(address, port) {
    Object.assign(this, { address, port, answer: (_, response) => response.end('hello\n') });
  }

  async start() {
    this.server = http.createServer((request, response) => this.answer(request, response)).listen(this.port, this.address);
    await new Promise(done => this.server.once('listening', done));
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise(done => this.server.close(done));
  }
}

class World {
  static async make(binary) {
    const world = new World();
    world.binary = binary;
    world.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-page-'));
    [world.admin, world.http, world.https, world.port] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    world.nodes = { worker1: new Node('127.0.0.1', world.port), worker2: new Node('127.0.0.2', world.port), manager: new Node('127.0.0.3', world.port) };
    for (const node of Object.values(world.nodes)) await node.start();
    spawnSync(binary, ['cert', 'create', '--host', 'esb.test', '--name', 'site', '--out', world.dir]);
    fs.writeFileSync(path.join(world.dir, 'token'), `${world.token}\n`, { mode: 0o600 });
    fs.writeFileSync(path.join(world.dir, 'weir.toml'), world.configuration());
    await world.start();
    return world;
  }

  token = 'a-token-that-only-this-test-knows-0123456789';

  configuration() {
    return `
state-dir = "."
[admin]
bind = "127.0.0.1:${this.admin}"
socket = "${this.dir}/admin.sock"
[[admin.token]]
name = "ops"
file = "token"
may = "operate"
[[listener]]
name = "http"
bind = "127.0.0.1:${this.http}"
[[listener]]
name = "https"
bind = "127.0.0.1:${this.https}"
tls = {}
[[node]]
name = "worker1"
address = "127.0.0.1"
[[node]]
name = "worker2"
address = "127.0.0.2"
[[node]]
name = "manager"
address = "127.0.0.3"
[[pool]]
name = "esb"
nodes = ["worker1", "worker2"]
port = ${this.port}
sticky = { idle = "2s" }
health = { interval = "200ms", fall = 1, rise = 1, probes = [{ kind = "http", path = "/up" }] }
[[pool]]
name = "manager"
nodes = ["manager"]
port = ${this.port}
health = { interval = "200ms", fall = 1, rise = 1, probes = [{ kind = "http", path = "/up" }] }
[[site]]
name = "esb"
listener = "https"
hosts = ["esb.test"]
certificate = { chain = "site.crt", key = "site.key" }
pool = "esb"
access-log = "off"
[[site]]
name = "plain"
listener = "http"
hosts = ["esb.test"]
pool = "esb"
access-log = "off"
route = [{ name = "closed", path = "/closed", deny = true }]
[[site]]
name = "console"
listener = "http"
hosts = ["mgt.test"]
pool = "manager"
access-log = "off"
[[site]]
name = "shop"
listener = "http"
hosts = ["shop.test"]
access-log = "off"
route = [{ name = "back-at-six", answer = { status = 503 } }]
`;
  }

  get url() {
    return `http://127.0.0.1:${this.admin}/`;
  }

  async start() {
    const journal = fs.openSync(path.join(this.dir, 'journal'), 'a');
    this.weir = spawn(this.binary, ['run', '--config', 'weir.toml'], { cwd: this.dir, stdio: ['ignore', journal, journal] });
    this.ended = new Promise(done => this.weir.once('exit', done));
    const began = Date.now();
    for (;;) {
      if (await this.ask(this.admin, '/livez').then(({ status }) => status === 200, () => false)) return;
      if (this.weir.exitCode != null || Date.now() - began > 15_000) throw new Error(`Weir does not run:\n${this.journal()}`);
      await new Promise(done => setTimeout(done, 50));
    }
  }

  async stopWeir() {
    this.weir.kill('SIGKILL');
    await this.ended;
  }

  /** What a command says. */
  async command(...words) {
    const { stdout } = await promisify(execFile)(this.binary, [...words, '--config', 'weir.toml'], { cwd: this.dir });
    return stdout;
  }

  /** Another process takes over; its number. */
  async upgrade() {
    this.next = JSON.parse(await this.command('upgrade', '--json')).pid;
    return this.next;
  }

  journal() {
    return fs.readFileSync(path.join(this.dir, 'journal'), 'utf8').split('\n').slice(-30).join('\n');
  }

  /** GET at a port of this machine. */
  ask(port, target, host = 'esb.test', headers = {}) {
    return new Promise((done, failed) => {
      const request = http.get({ host: '127.0.0.1', port, path: target, headers: { host: port === this.admin ? `127.0.0.1:${port}` : host, ...headers }, agent: false }, response => {
        const parts = [];
        response.on('data', part => parts.push(part)).on('end', () => done({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() })).on('error', failed);
      });
      request.on('error', failed);
    });
  }

  /** Requests for the page's numbers. */
  async traffic(count = 40) {
    for (let index = 0; index < count; index++) await this.ask(this.http, index % 10 ? '/services/Echo' : '/closed', index % 5 ? 'esb.test' : 'mgt.test');
  }

  async end() {
    this.weir?.kill('SIGKILL');
    if (this.next) process.kill(this.next, 'SIGKILL');
    for (const node of Object.values(this.nodes)) await node.stop().catch(() => {});
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

module.exports = { HOSTILE, World, freePort };
