"""What docs/wso2.md and the recipe promise of these nodes, each asked by real clients."""

import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from nodes import eventually

ESB, CONSOLE = "esb.wso2.com", "mgt.esb.wso2.com"
ENVELOPE = '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><order>%s</order></soapenv:Body></soapenv:Envelope>'
SOAP = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '"urn:mediate"'}
# Longer than a worker takes for an answer, much shorter than the 180 s after which it closes.
SILENCE = 2


def connection(scheme, weir, host=ESB, patience=20):
    """To the site of this host, whose certificate is verified."""
    if scheme == "http":
        return http.client.HTTPConnection(host, timeout=patience)
    name = "wrk" if host == ESB else "mgt"
    return http.client.HTTPSConnection(host, timeout=patience, context=ssl.create_default_context(cafile=weir.work / f"certs/{name}.crt"))


def ask(connection, path, body=None, method=None, **headers):
    """One request; status, header fields, body."""
    connection.request(method or ("POST" if body else "GET"), path, body, headers={**(SOAP if body else {}), **headers})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def services(weir, cluster):
    """SOAP, REST and WSDL answer on both sites, from both workers, and the WSDL names the public addresses"""
    for scheme in ("http", "https"):
        seen = set()
        to = connection(scheme, weir)
        for number in range(10):
            status, _, body = ask(to, "/orders/health")
            assert status == 200, (status, body)
            seen.add(body)
            status, _, body = ask(to, "/services/Echo", ENVELOPE % number)
            assert status == 200 and f"<order>{number}</order>" in body, (status, body)
            status, _, body = ask(to, "/services/Echo?wsdl")
            addresses = {word.split("/services/")[0] for word in body.split('"') if "/services/Echo." in word}
            assert status == 200 and addresses == {f"http://{ESB}", f"https://{ESB}"}, (status, addresses)
        assert seen == {"<ok>worker1</ok>", "<ok>worker2</ok>"}, seen


def one_way(weir, cluster):
    """A one-way POST gets its 202 although its body comes after its head, as with Expect, when a worker alone answers nothing"""
    direct = at_once(3, lambda _: late_body(socket.create_connection((cluster.worker1.address, 8280)), SILENCE))
    assert "" in direct, f"the weakness is gone, so nothing is proven here: {direct}"
    for scheme in ("http", "https"):
        for expects in (False, True):
            answers = at_once(20, lambda _: late_body(plain_or_tls(scheme, weir), 20, expects))
            assert answers == ["HTTP/1.1 202"] * 20, (expects, answers)


def plain_or_tls(scheme, weir):
    to = connection(scheme, weir)
    to.connect()
    return to.sock


def late_body(to, patience, expects=False):
    """Head and body apart, by 50 ms or until the answer to Expect came; how the answer begins."""
    body = (ENVELOPE % 1).encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in {**SOAP, **({"Expect": "100-continue"} if expects else {})}.items())
    to.settimeout(patience)
    with to:
        to.sendall(f"POST /services/OneWay HTTP/1.1\r\nHost: {ESB}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode())
        if expects:
            assert to.recv(1000).startswith(b"HTTP/1.1 100 ")
        else:
            # The pause is the case itself.
            time.sleep(0.05)
        to.sendall(body)
        try:
            return to.recv(1000)[:12].decode()
        except TimeoutError:
            return ""


def head(weir, cluster):
    """HEAD of a WSDL and 204, which a worker ends with a chunk that must not be there, leave every connection in step"""
    def client(_):
        to = connection("http", weir)
        for number in range(25):
            assert ask(to, "/services/Echo?wsdl", method="HEAD")[::2] == (200, "")
            assert ask(to, "/services/Nothing")[::2] == (204, "")
            status, _, body = ask(to, "/services/Echo", ENVELOPE % number)
            assert status == 200 and f"<order>{number}</order>" in body, (status, body)
    at_once(4, client)


def redirects(weir, cluster):
    """A redirect to a worker's own address and TLS port leads to the site for it, from either site, and ends there"""
    for scheme in ("http", "https"):
        status, fields, _ = ask(connection(scheme, weir), "/services/Elsewhere")
        place = urllib.parse.urlsplit(fields["Location"])
        assert (status, place.scheme, place.netloc) == (302, "https", ESB), (status, fields["Location"])
        status, _, body = ask(connection(place.scheme, weir), f"{place.path}?{place.query}")
        assert status == 200 and "definitions" in body, (status, body)


def console(weir, cluster):
    """The console's redirects, its login and its session, whose id changes at the login, work through Weir"""
    to = connection("https", weir, CONSOLE)
    path, way = "/", []
    while path:
        status, fields, body = ask(to, path)
        place = urllib.parse.urlsplit(fields["Location"] or "")
        assert status == 200 or (status == 302 and (place.scheme, place.netloc) == ("https", CONSOLE)), (path, status, fields["Location"])
        way.append(path)
        path = place.path
    assert way == ["/", "/carbon/", "/carbon/admin/index.jsp", "/carbon/admin/login.jsp"], way
    before = cookie(fields)
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": before}
    to.request("POST", "/carbon/admin/login_action.jsp", "username=admin&password=admin", fields)
    answer = to.getresponse()
    after = cookie(answer.headers)
    assert answer.read() == b"" and answer.status == 302 and after != before, (answer.status, before, after)
    assert "Signed-in as: admin" in ask(to, "/carbon/admin/index.jsp", Cookie=after)[2]


def cookie(fields):
    return fields["Set-Cookie"].split(";")[0]


def closed(weir, cluster):
    """Console and admin services are closed on the workers' sites"""
    for scheme in ("http", "https"):
        for path in ("/carbon/admin/login.jsp", "/services/AuthenticationAdmin", "/services/AuthenticationAdmin?wsdl"):
            status, _, body = ask(connection(scheme, weir), path)
            assert status == 403, (scheme, path, status, body)


def sessions(weir, cluster):
    """A session that a service on 8243 gave stays at its worker"""
    for _ in range(4):
        begun = ask(connection("https", weir), "/services/Session")[1]
        for _ in range(6):
            later = ask(connection("https", weir), "/services/Session", ENVELOPE % 1, Cookie=cookie(begun))[1]
            assert (later["X-Node"], later["Set-Cookie"]) == (begun["X-Node"], None), (begun["X-Node"], later.items())


def slow(weir, cluster):
    """Calls that are slower than the workers wait, and that they end without an answer, take no worker out"""
    def call(number):
        return ask(connection("http", weir, patience=40), "/services/Slow", ENVELOPE % number)[0]

    began = time.monotonic()
    assert set(at_once(10, call)) == {502}
    assert time.monotonic() - began > 10, "they were not as slow as that"
    assert set(weir.states().values()) == {"active"}, weir.states()
    ejected = [event for event in weir.asked("events") if "eject" in json.dumps(event)]
    assert not ejected, ejected


def standby(weir, cluster):
    """Where one worker is to be active, maintenance hands both of its ports to the other one"""
    weir.reload(one_active(["worker1", "worker2"]))
    for active, other in (("worker1", "worker2"), ("worker2", "worker1")):
        weir.await_passive(other)
        for scheme in ("http", "https"):
            to = connection(scheme, weir)
            assert {ask(to, "/orders/health")[2] for _ in range(6)} == {f"<ok>{active}</ok>"}
        weir.activate(other)
        weir.order("maintain", active)
    weir.activate("worker2")
    weir.reload()
    weir.await_active()


def one_active(nodes):
    """Changes of conf/weir.toml: the first of these is active, on both ports, and the second stands by."""
    nodes = json.dumps(nodes)
    return {
        'nodes = ["worker1", "worker2"]': f"nodes = {nodes}",
        "\nport = 8280\n": "\nport = 8280\nactive = { start = 1, max = 1 }\n",
        "\nport = 8243\n": '\nport = 8243\nactive = { with = "esb-http" }\n',
    }


def restart(weir, cluster):
    """Drained, restarted and activated again under load, a worker loses no request"""
    # Before any session: a drain waits for those too, for as long as they live.
    with Load(weir) as load:
        load.await_more(200)
        weir.order("drain", "worker2", "--wait")
        cluster.worker2.restart()
        weir.activate("worker2")
        weir.await_active()
        load.await_more(200)
    assert not load.wrong, load.wrong[:5]
    return f": {load.count} requests"


class Load:
    """Clients that ask a hundred times a second at most, which leaves the JVM that starts some of the processor, and check what they get."""

    def __init__(self, weir):
        self.weir, self.count, self.wrong, self.ends = weir, 0, [], False

    def __enter__(self):
        self.threads = [threading.Thread(target=self.client, args=(scheme,)) for scheme in ("http", "https", "http", "https")]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        for thread in self.threads:
            thread.join()

    def client(self, scheme):
        to, number = connection(scheme, self.weir), 0
        while not self.ends:
            number += 1
            try:
                status, _, body = ask(to, "/services/Echo", ENVELOPE % number)
                if status != 200 or f"<order>{number}</order>" not in body:
                    self.wrong.append((scheme, status, body[:200]))
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append((scheme, repr(error)))
                to = connection(scheme, self.weir)
            self.count += 1
            time.sleep(0.01)

    def await_more(self, requests):
        goal = self.count + requests
        eventually(f"{requests} more requests", lambda: self.count >= goal)


def at_once(count, work):
    """Runs it in as many threads; what they return, or the first exception."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(work, range(count)))


ALL = [services, one_way, head, redirects, console, closed, slow, standby, restart, sessions]
