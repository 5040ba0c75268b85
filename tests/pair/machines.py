"""What the tests of several machines have in common: networks of their own, machines with a cable, and waiting for what happens."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
NODES, PORT = ("10.78.0.21", "10.78.0.22", "10.78.0.23"), 8280
# The address that machines with keepalived share.
VIP = "10.78.0.100"
SECRET = "3d9e1c77f3b64b0f8e5a2b1d0c9f8e7a"


def main(name, script, needed, inside):
    """Runs `inside` with the binary and a folder, in networks of its own; or says why it cannot."""
    if sys.argv[1] == "--inside":
        return inside(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    why = next((f"{program} is not here" for program in ("ip", *needed) if not shutil.which(program)), None)
    if not why and (os.geteuid() or subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL).returncode):
        why = "only root may make networks here"
    if why:
        print(f"SKIPPED: {name} ({why})")
        return None
    with tempfile.TemporaryDirectory(prefix="weir-pair-") as work:
        binary = pathlib.Path(sys.argv[1]).resolve()
        done = subprocess.run([*UNSHARE, sys.executable, script, "--inside", binary, work], timeout=600)
    sys.exit(done.returncode)


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=60, **more)
    return done.stdout


def wait_for(what, is_so, limit=15.0, pause=0.02):
    end = time.monotonic() + limit
    while True:
        found = is_so()
        if found:
            return found
        assert time.monotonic() < end, f"it never came about that {what}"
        time.sleep(pause)


def network(work):
    """A switch with the nodes' addresses on it, and the secret that all machines have."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "link", "set", "lo", "up")
    switch(run, NODES)
    (work / "secret").write_text(SECRET)
    (work / "secret").chmod(0o600)


def switch(run, nodes):
    """A switch, with the client's address and the nodes' on it. Its own link address is given: without one a bridge takes the lowest of
    its cables', another one whenever a machine is plugged in, and whoever knows the old one reaches nobody until it asks again."""
    run("ip", "link", "add", "switch", "address", "02:00:00:00:78:01", "type", "bridge", "forward_delay", "0")
    for address in ("10.78.0.1", *nodes):
        run("ip", "addr", "add", f"{address}/24", "dev", "switch")
    run("ip", "link", "set", "switch", "up")


def node_tables():
    return "".join(f'[[node]]\nname = "n{at}"\naddress = "{address}"\n' for at, address in enumerate(NODES))


class Machine:
    """A machine with Weir, and the cable to it."""

    def __init__(self, name, number, binary, work):
        self.name, self.address, self.binary, self.work = name, f"10.78.0.{number}", binary, work / name
        self.cable, self.interface = f"to-{name}", "eth0"
        # The words before a command that runs on this machine.
        self.prefix = ["ip", "netns", "exec", name]
        self.work.mkdir()
        self.file = self.work / "weir.toml"
        self.weir = self.keepalived = None
        self.plug_in()

    def plug_in(self):
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", self.interface, "netns", self.name)
        run("ip", "link", "set", self.cable, "master", "switch", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.address_is_up()

    def address_is_up(self):
        self.inside("ip", "addr", "add", f"{self.address}/24", "dev", self.interface)
        self.inside("ip", "link", "set", self.interface, "up")

    def inside(self, *words, **more):
        return run(*self.prefix, *words, **more)

    def begin(self, program, *words, environment=None):
        log = open(self.work / f"{program}.log", "ab")
        words = [*self.prefix, *map(str, words)]
        return subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **(environment or {})})

    def start_weir(self, environment=None):
        self.weir = self.begin("weir", self.binary, "run", "--config", self.file, environment=environment)

    def journal(self):
        return (self.work / "weir.log").read_text(errors="replace")

    def told(self, *words):
        """What a command says, as JSON."""
        return json.loads(self.inside(self.binary, *words, "--json", "--config", self.file))

    def active(self):
        """How many nodes are active here."""
        return sum(node["state"] == "active" for node in self.told("nodes"))

    def cable_is(self, state):
        run("ip", "link", "set", self.cable, state)

    def keepalived_conf(self, peer):
        conf = self.inside(self.binary, "ha", "keepalived", "--vip", f"{VIP}/24", "--peer", peer.address, "--user", "root")
        # The commands look for the configuration here, and in /etc/weir on a machine.
        return conf.replace(" ready", f" ready --config {self.file}")

    def start_keepalived(self, peer):
        file = self.work / "keepalived.conf"
        file.write_text(self.keepalived_conf(peer))
        said = subprocess.run([*self.prefix, "keepalived", "-t", "-f", str(file)], capture_output=True, text=True)
        assert said.returncode == 0 and not said.stderr.strip(), f"keepalived -t: {said.stderr}"
        self.keepalived = self.begin("keepalived", "keepalived", "-n", "-l", "-D", "-f", file,
                                     *(word for what in "prc" for word in (f"-{what}", self.work / f"pid-{what}")))

    def keepalived_said(self):
        """What keepalived has said since its start."""
        return (self.work / "keepalived.log").read_text(errors="replace").rpartition("Starting Keepalived")[2]

    def is_trusted(self):
        """Whether keepalived has found since its start that Weir is ready, and so gives it its whole priority."""
        log = self.keepalived_said()
        found = [line for line in log.splitlines() if "VRRP_Script(weir_ready)" in line]
        return bool(found) and "succeeded" in found[-1]

    def has_address(self):
        return f" {VIP}/" in self.inside("ip", "-4", "addr", "show", "dev", self.interface)

    def ends(self, *processes):
        for process in (self.weir, self.keepalived, *processes):
            if process and process.poll() is None:
                process.terminate()


class Threads(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 1024

    def handle_error(self, *_):
        """Who leaves is no error."""


@contextlib.contextmanager
def tried(name, *machines):
    """When it fails, what the machines wrote, and then a line that a summary takes: what was tried, and what was wrong."""
    try:
        yield
    except BaseException as error:
        for machine in machines:
            for log in sorted(machine.work.glob("*.log")):
                print(f"--- {machine.name}, {log.stem}\n{log.read_text(errors='replace')[-40000:]}", file=sys.stderr)
        why = str(error).split("\n")[0][:500]
        print(f"FAILED: {pathlib.Path(sys.argv[0]).name}: {name}: {why or type(error).__name__}", flush=True)
        raise
