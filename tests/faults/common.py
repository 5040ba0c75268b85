"""Nodes whose answers follow from their numbers, and clients that look at each one: what is mixed up, cut and still complete, or
somebody else's is seen. Each POST has a number too, which a node writes down."""

import collections
import hashlib
import http.client
import http.server
import json
import pathlib
import threading
import time
import urllib.request

UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
SITE, ADMIN, PORT = 8080, 9180, 8280
CLIENTS = 8


def content(number, size):
    """What belongs to a number."""
    seed = hashlib.sha256(str(number).encode()).hexdigest().encode()
    return (seed * (size // len(seed) + 1))[:size]


class Node(http.server.BaseHTTPRequestHandler):
    """GET /NUMBER/SIZE has the number's content; with /slow/ before it the second half comes two seconds after the first. A POST
    is written down before it is answered."""

    protocol_version = "HTTP/1.1"
    done = None

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        body = content(int(parts[-2]), int(parts[-1]))
        self.head(len(body))
        if parts[0] == "slow":
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            time.sleep(2)
            body = body[len(body) // 2:]
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        number = self.path.strip("/")
        with open(self.done, "a") as done:
            done.write(number + "\n")
        self.head(len(number))
        self.wfile.write(number.encode())

    def head(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Node", pathlib.Path(self.done).name)
        self.end_headers()

    def log_message(self, *_):
        """Nobody reads it."""


class Threads(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 1024

    def handle_error(self, *_):
        """Who leaves is no error."""


def serve(address, done):
    """A node, for ever."""
    Node.done = str(done)
    Threads((address, PORT), Node).serve_forever()


class Clients:
    """Ask all the time, and look at each answer."""

    number = 0

    def __init__(self):
        self.stop, self.outcomes, self.posted, self.lock = threading.Event(), [], collections.Counter(), threading.Lock()
        self.wrong = []
        self.threads = [threading.Thread(target=self.ask_on, args=(kind,)) for kind in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def ask_on(self, kind):
        client = None
        while not self.stop.is_set():
            with self.lock:
                Clients.number += 1
                number = Clients.number
            client = client or http.client.HTTPConnection("127.0.0.1", SITE, timeout=30)
            word, node = self.ask(client, kind, number)
            with self.lock:
                self.outcomes.append((time.monotonic(), word, node))
            if word not in ("ok", "refused"):
                client.close()
                client = None
            time.sleep(0.01)

    def ask(self, client, kind, number):
        """What came of one request: ok, refused (a status of Weir's), cut, or wrong."""
        is_post, size = kind == 0, (100, 100, 5000, 5000, 70_000, 300_000, 300_000, 100_000)[kind]
        slow = "/slow" if kind == 7 else ""
        try:
            if is_post:
                self.posted[str(number)] += 1
                client.request("POST", f"/{number}", b"x" * 100)
            else:
                client.request("GET", f"{slow}/{number}/{size}")
            answer = client.getresponse()
            body = answer.read()
        except (http.client.HTTPException, OSError) as error:
            return f"cut ({type(error).__name__})", None
        if answer.status != 200:
            return "refused", None
        expected = str(number).encode() if is_post else content(number, size)
        if body != expected:
            self.wrong.append(f"{number}: {len(body)} bytes of {len(expected)}")
        return "ok", answer.headers["X-Node"]

    def since(self, moment):
        with self.lock:
            return [(word, node) for at, word, node in self.outcomes if at >= moment]

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=60)


def told(path):
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:{ADMIN}{path}", timeout=10))


def wait_for(what, is_so, seconds):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def is_well():
    try:
        return told("/api/v1/status")["verdict"]["word"] == "well"
    except OSError:
        return False


def all_is_as_before(clients):
    """Of the last hundred answers none is bad, and they come from both nodes."""
    with clients.lock:
        last = [(word, node) for _, word, node in clients.outcomes[-100:]]
    return all(word == "ok" for word, _ in last) and {node for _, node in last} == {"one", "two"}
