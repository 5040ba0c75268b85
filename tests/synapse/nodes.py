"""The nodes: each a JVM with a directory of its own, that can be started with one thing wrong, stopped and frozen."""

import pathlib
import re
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
FRONT = "10.0.0.1"
ADDRESSES = {"manager": "10.0.0.2", "worker1": "10.0.0.3", "worker2": "10.0.0.4"}
# A small heap, and what Java 17 must open for Axis2.
JAVA = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dhttp.socket.reuseaddr=true",
        "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"]


class Node:
    """One of them: its directory below `work`, and its process."""

    def __init__(self, work, name):
        self.work, self.name, self.address = work, name, ADDRESSES[name]
        self.directory = work / name
        self.directory.mkdir()
        self.worker = name != "manager"
        self.process = None

    def begin(self, proxy_port=443, keystore="node.jks", artifacts=True, wsdl_prefix=True):
        """Starts it, with the values that it should have or others."""
        keystore = str(self.work / keystore)
        if self.worker:
            self.write_configuration(keystore, artifacts, wsdl_prefix)
            main = ["Worker", self.directory, self.address, keystore]
        else:
            main = ["Console", self.directory, self.address, keystore, str(proxy_port)]
        classes = f"{self.directory}:{self.work}/classes:{self.work}/jars/*"
        log = open(self.directory / "out.log", "w")
        self.process = subprocess.Popen([*JAVA, "-cp", classes, *main], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.directory)

    def write_configuration(self, keystore, artifacts, wsdl_prefix):
        axis2 = (HERE / "axis2.xml").read_text().replace("ADDRESS", self.address).replace("KEYSTORE", keystore)
        if not wsdl_prefix:
            axis2 = re.sub(r'<parameter name="WSDLEPRPrefix">.*', "", axis2)
        synapse = (HERE / "synapse.xml").read_text().replace("ADDRESS", self.address).replace("NODE", self.name)
        if not artifacts:
            synapse = re.sub(r"<(proxy|api) .*?</\1>", "", synapse, flags=re.S)
        (self.directory / "axis2.xml").write_text(axis2)
        (self.directory / "synapse.xml").write_text(synapse)
        # 180 s as they are shipped; longer than the 10 s after which silence is no fault of the node.
        (self.directory / "passthru-http.properties").write_text("http.socket.timeout=12000\n")
        (self.directory / "log4j.properties").write_text(
            "log4j.rootCategory=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=%d %p %c{1} %m%n\n")

    def wait(self):
        """Until all its ports take connections."""
        for port in (8280, 8243, 9443) if self.worker else (9443,):
            eventually(f"{self.name} listens on {port}", lambda: self.listens(port), self.log)

    def listens(self, port):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.log()}")
        try:
            socket.create_connection((self.address, port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def freeze(self):
        """All its threads stand still, and the system takes connections for it."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def restart(self, **other):
        self.stop()
        self.begin(**other)
        self.wait()

    def log(self):
        return (self.directory / "out.log").read_text()[-3000:]


class Cluster:
    """All three."""

    def __init__(self, work):
        self.work = work
        for keystore in ("node.jks", "other.jks"):
            key(work / keystore)
        self.manager, self.worker1, self.worker2 = (Node(work, name) for name in ADDRESSES)

    def start(self):
        everyone = self.manager, self.worker1, self.worker2
        for node in everyone:
            node.begin()
        for node in everyone:
            node.wait()


def key(file):
    """As WSO2 ships one: its alias, for localhost, by itself, expired, without other names."""
    command = ["keytool", "-genkeypair", "-alias", "wso2carbon", "-keyalg", "RSA", "-keysize", "2048", "-keystore", file, "-storetype", "JKS",
               "-dname", "CN=localhost, O=WSO2, L=Mountain View, ST=CA, C=US", "-startdate", "2017/03/21 00:00:00", "-validity", "90",
               "-storepass", "wso2carbon", "-keypass", "wso2carbon"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def eventually(what, question, told=lambda: "", seconds=45):
    """Asks until the answer is yes."""
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}\n{told()}")
        time.sleep(0.05)
