"""Two machines with Weir and a server of Redis each, and three nodes that give sessions out and say of each request whether its session
is theirs."""

import concurrent.futures
import glob
import http.client
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import machines
from machines import NODES, PORT, Threads, node_tables, run, wait_for

CONFIGURATION = """state-dir = "{work}/state"
access-log = "off"
threads = 2
[admin]
bind = "127.0.0.1:9180"
socket = "{work}/admin.sock"
[shared]
secret = "{work}/../secret"
{shared}
[[listener]]
name = "http"
bind = "{bind}:80"
free-bind = true
{nodes}
[[pool]]
name = "esb"
nodes = ["n0", "n1", "n2"]
port = 8280
sticky = {{ mode = "learn", idle = "{idle}" }}
health = {{ interval = "300ms", timeout = "2s", fall = 2, rise = 1, probes = [{{ kind = "http", path = "{well}" }}] }}
[[site]]
name = "esb"
listener = "http"
default = true
pool = "esb"
"""


class Machine(machines.Machine):
    """A machine with Weir and a server."""

    def __init__(self, name, number, binary, work, bind=None):
        super().__init__(name, number, binary, work)
        self.bind = bind or self.address
        self.configure()
        self.store = None

    well = "/well"

    limits = 'confirm = "50ms"'

    def configure(self, shared=None, idle="10m", servers='["10.78.0.11", "10.78.0.12:6379"]'):
        """`servers`: none, and nothing is shared."""
        shared = self.limits if shared is None else shared
        name = "" if "name = " in shared else f"name = \"{self.name}\"\n"
        shared = f"servers = {servers}\n{name}{shared}" if servers else ""
        text = CONFIGURATION.format(work=self.work, bind=self.bind, nodes=node_tables(), shared=shared, idle=idle, well=self.well)
        self.file.write_text(text)

    def reload(self):
        self.inside(self.binary, "reload", "--config", self.file)

    def tries(self, *words):
        """A command, and what came of it."""
        words = ["ip", "netns", "exec", self.name, self.binary, *words, "--config", self.file]
        return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60)

    def says(self, *words):
        done = self.tries(*words)
        assert done.returncode == 0, (words, done)

    def api(self, what):
        return json.loads(self.inside("curl", "-s", f"http://127.0.0.1:9180/api/v1/{what}"))

    def answers(self):
        return self.does("status")

    def does(self, word):
        return subprocess.run(["ip", "netns", "exec", self.name, self.binary, word, "--config", self.file], capture_output=True).returncode == 0

    def start_store(self):
        made = self.work.parent / "store"
        tls = ["--tls-port", 6380, "--tls-cert-file", f"{made}.crt", "--tls-key-file", f"{made}.key", "--tls-ca-cert-file",
               made.parent / "ca.crt", "--tls-auth-clients", "no"]
        self.store = self.begin("store", "redis-server", "--bind", self.address, "--port", 6379, "--save", "", "--protected-mode",
                                "no", "--dir", self.work, *tls)
        wait_for("the server answers", self.store_answers)

    def store_answers(self):
        """A question that gets lost while the server begins is asked again."""
        try:
            return subprocess.run(["redis-cli", "-h", self.address, "PING"], capture_output=True, text=True, timeout=2).stdout.strip() == "PONG"
        except subprocess.TimeoutExpired:
            return False

    def says_store(self, *words):
        said = subprocess.run(["redis-cli", "-h", self.address, *map(str, words)], capture_output=True, text=True, timeout=20)
        return said.stdout.strip()

    def kill_store(self):
        self.store.kill()
        self.store.wait()

    def is_a_minute_ahead(self):
        """Starts Weir anew with such a clock. False: there is nothing to do it by."""
        library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
        if library:
            self.kill_weir()
            self.start_weir({"LD_PRELOAD": library, "FAKETIME": "+60s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
            wait_for("the nodes are active", lambda: ready(self))
        return bool(library)

    def is_right_again(self):
        self.kill_weir()
        self.start_weir()
        wait_for("the nodes are active", lambda: ready(self))

    def kill_weir(self):
        self.weir.kill()
        self.weir.wait()

    def stop_successor(self):
        """The process that took over, which is not our child, when the one before cannot take back any more."""
        wait_for("the process before has ended", lambda: api(self)["before"] is None, 30)
        os.kill(api(self)["pid"], signal.SIGTERM)
        wait_for("it has ended", lambda: not self.does("status"))

    def forget(self):
        """What Weir keeps over a restart."""
        run("rm", "-rf", self.work / "state")

    def metric(self, name, **labels):
        text = self.inside("curl", "-s", "http://127.0.0.1:9180/metrics")
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = (line for line in text.splitlines() if line.startswith((name + " ", name + "{")) and all(word in line for word in wanted))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def cut_from(self, other, is_cut):
        self.inside("ip", "route", "add" if is_cut else "del", "blackhole", f"{other.address}/32")

    def waits_for_journal(self, words):
        wait_for(f"the journal says {words!r}", lambda: words in self.journal())


class Node(http.server.BaseHTTPRequestHandler):
    """Gives a session to whoever has none that it knows and asks for one, as Tomcat does."""
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    sessions = {address: set() for address in NODES}
    # Which machine was told by which node that it is well.
    probed = set()
    well = set(NODES)
    released = threading.Event()
    count = 0
    lock = threading.Lock()

    def do_GET(self):
        address = self.server.server_address[0]
        if address not in Node.well:
            return self.answer(503, "not well")
        if self.path == "/well":
            Node.probed.add((self.client_address[0], address))
        cookie = self.headers.get("Cookie", "").partition("JSESSIONID=")[2]
        if self.path == "/login":
            with Node.lock:
                Node.count += 1
                cookie = f"{Node.count:032X}"
            Node.sessions[address].add(cookie)
            return self.answer(200, address, ("Set-Cookie", f"JSESSIONID={cookie}; Path=/"))
        if self.path == "/adopt":
            Node.sessions[address].add(cookie)
        if self.path == "/slow":
            Node.released.wait(60)
        known = cookie in Node.sessions[address]
        return self.answer(200, address if known or not cookie else f"unknown at {address}")

    def answer(self, status, text, *fields):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Nobody reads it."""


def ask(machine, path="/", session=None):
    """Status, body and the session that is given."""
    connection = http.client.HTTPConnection(machine.address, 80, timeout=10)
    try:
        connection.request("GET", path, headers={"Cookie": f"JSESSIONID={session}"} if session else {})
        answer = connection.getresponse()
        given = (answer.headers["Set-Cookie"] or "").partition("JSESSIONID=")[2].partition(";")[0]
        return answer.status, answer.read().decode(), given
    finally:
        connection.close()


def let_in(machine):
    """The node that answers, once the machine lets clients in."""
    try:
        return ask(machine)[1]
    except ConnectionRefusedError:
        return None


def probed(machine):
    return all((machine.address, node) in Node.probed for node in NODES)


def met_meanwhile(machines, begins, what):
    """What a client meets after `begins`, while all servers take their time to answer."""
    for machine in machines:
        machine.store.send_signal(signal.SIGSTOP)
    begins()
    with concurrent.futures.ThreadPoolExecutor(1) as client:
        met = client.submit(what)
        # Who does not wait for them is led astray by then.
        concurrent.futures.wait([met], timeout=0.3)
        for machine in machines:
            machine.store.send_signal(signal.SIGCONT)
        return met.result()


def log_in(machine, count):
    """Sessions, each with its node."""
    def one(_):
        status, node, session = ask(machine, "/login")
        assert status == 200 and session, (status, node)
        return session, node
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return dict(pool.map(one, range(count)))


def moved(machine, sessions, path="/"):
    """Those of the sessions that are not where they were."""
    def one(item):
        session, node = item
        status, body, _ = ask(machine, path, session)
        return None if (status, body) == (200, node) else f"{session}: {status} {body}, and it was at {node}"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return [wrong for wrong in pool.map(one, sessions.items()) if wrong]


def assert_stays(machine, sessions, path="/"):
    wrong = moved(machine, sessions, path)
    assert not wrong, f"{machine.name}: {len(wrong)} of {len(sessions)} sessions are not where they were: {wrong[:3]}"


def api(machine):
    return machine.api("status")


def ready(machine):
    """All nodes are active, and clients are let in."""
    try:
        return machine.active() == len(NODES) and machine.does("ready")
    except subprocess.CalledProcessError:
        return False


def the_store_is_used_again(machine):
    """The second one's."""
    journal = machine.journal()
    return journal.rfind("10.78.0.12:6379: is used") > journal.rfind("10.78.0.12:6379: cannot be used")


def inside(scenes, binary, work):
    """Runs scenes, or those that WEIR_PAIR_SCENES names; with another Weir at the second machine where WEIR_PAIR_OLDER names one."""
    machines.network(work)
    run(binary, "cert", "create", "--host", "10.78.0.11", "10.78.0.12", "--ca", "--name", "store", "--out", work)
    for address in NODES:
        threading.Thread(target=Threads((address, PORT), Node).serve_forever, daemon=True).start()
    older = pathlib.Path(os.environ.get("WEIR_PAIR_OLDER") or binary)
    one, two = (Machine(f"lb{number}", 10 + number, program, work) for number, program in ((1, binary), (2, older)))
    wanted = os.environ.get("WEIR_PAIR_SCENES", "").split()
    unknown = set(wanted) - {scene.__name__ for scene in scenes.values()}
    assert not unknown, f"WEIR_PAIR_SCENES: there is no {', '.join(unknown)}"
    scenes = {name: scene for name, scene in scenes.items() if not wanted or scene.__name__ in wanted}
    try:
        with machines.tried("the start", one, two):
            for machine in (one, two):
                machine.start_store()
                machine.start_weir()
            for machine in (one, two):
                wait_for("the nodes are active", lambda: ready(machine))
        for name, scene in scenes.items():
            began = time.monotonic()
            with machines.tried(name, one, two):
                print(f"ok: {name}: {scene(one, two)} ({time.monotonic() - began:.1f} s)", flush=True)
        print(f"{len(scenes)} scenes")
    finally:
        for machine in (one, two):
            machine.ends(machine.store)
