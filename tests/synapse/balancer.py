"""Weir in front of the nodes, and its command line."""

import json
import pathlib
import re
import subprocess

from nodes import eventually

OFTEN = {
    'interval = "5s"': 'interval = "500ms"',
    '[pool.health]\nprobes = [{ kind = "tls" }]': '[pool.health]\ninterval = "500ms"\nprobes = [{ kind = "tls" }]',
}
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Weir:
    """Runs conf/weir.toml, from a directory that has the certificates where that file looks for them."""

    def __init__(self, binary, work):
        self.binary, self.work = binary, work
        self.file = work / "conf/weir.toml"
        self.file.parent.mkdir()
        self.certificate("esb.wso2.com", "wrk")
        self.certificate("mgt.esb.wso2.com", "mgt")
        self.process = None

    def certificate(self, host, name):
        self.told("cert", "create", "--host", host, "--name", name, "--out", self.work / "certs", "--force")

    def start(self, cluster):
        pin = re.search(r"sha256:[0-9a-f]{64}", self.told("cert", "pin", f"{cluster.worker1.address}:8243"))[0]
        self.shipped = (ROOT / "conf/weir.toml").read_text().replace("sha256:" + "0" * 64, pin)
        self.file.write_text(self.shipped)
        with open(self.work / "journal", "w") as journal:
            self.process = subprocess.Popen([self.binary, "run", "--config", self.file], stderr=journal, stdin=subprocess.DEVNULL)
        self.await_active()

    def as_shipped(self):
        self.file.write_text(self.shipped)
        self.order("reload")

    def reload(self, changes={}):
        """Takes the file over, with other text in these places."""
        self.write(changes)
        self.order("reload")

    def write(self, changes={}):
        """The file, with probes so often that nobody waits for them, and with other text in these places."""
        text = self.shipped
        for old, new in {**OFTEN, **changes}.items():
            assert old in text, old
            text = text.replace(old, new)
        self.file.write_text(text)

    def await_passive(self, node):
        self.await_states({(pool, node): "passive" for pool in ("esb-http", "esb-https")})

    def await_states(self, wanted):
        eventually(f"nodes are {wanted}", lambda: wanted.items() <= self.states().items(), self.journal)

    def await_active(self):
        eventually("all nodes are active", lambda: self.alive() and set(self.states().values()) == {"active"}, self.journal)

    def states(self):
        """The state of each node in each of its pools."""
        return {(node["pool"], node["node"]): node["state"] for node in self.asked("nodes") or []}

    def order(self, *words):
        """An operator's command for the running Weir."""
        return self.told(*words, "--config", self.file)

    def activate(self, node):
        """Ends the order on a node. The exit code is 1, with the state, where the node is still down for its probes."""
        done = self.command("activate", node, "--config", self.file)
        down = done.returncode == 1 and "the order ended" in done.stdout
        assert done.returncode == 0 or down, f"weir activate {node}: {done.stdout}{done.stderr}"

    def asked(self, *words):
        """What a command prints as JSON; `None` when Weir does not answer."""
        done = self.command(*words, "--config", self.file, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def told(self, *words):
        done = self.command(*words)
        assert done.returncode == 0, f"weir {' '.join(map(str, words))}: {done.stdout}{done.stderr}"
        return done.stdout

    def command(self, *words):
        return subprocess.run([self.binary, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)

    def alive(self):
        assert self.process.poll() is None, f"Weir ended:\n{self.journal()}"
        return True

    def journal(self):
        return (self.work / "journal").read_text()[-3000:]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(40) == 0, f"Weir ended badly:\n{self.journal()}"
