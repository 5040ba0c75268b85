"""What Weir sends to an OpenTelemetry collector is OTLP: OpenTelemetry's own messages for Python read it, and know every field of it.

Argument: the binary of Weir. A collector of one answer takes what comes; the node is Weir itself, by a fixed answer.
"""

import base64
import http.server
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONFIGURATION = """
state-dir = "."
admin = {{ bind = "127.0.0.1:{admin}", socket = "off" }}
tracing = {{ endpoint = "http://127.0.0.1:{collector}", interval = "100ms" }}
listener = [{{ name = "http", bind = "127.0.0.1:{http}" }}]

[[site]]
name = "esb"
listener = "http"
hosts = ["localhost"]
[[site.route]]
path = "/answered"
answer = {{ status = 200, body = "five!" }}
[[site.route]]
answer = {{ status = 503, body = "later" }}
"""


class Collector(http.server.BaseHTTPRequestHandler):
    bodies = []

    def do_POST(self):
        self.bodies.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def main(binary):
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    http_port = random.randrange(20000, 29000)
    with tempfile.TemporaryDirectory() as work:
        file = pathlib.Path(work) / "weir.toml"
        file.write_text(CONFIGURATION.format(admin=http_port + 1, http=http_port, collector=collector.server_port))
        weir = subprocess.Popen([pathlib.Path(binary).resolve(), "run", "--config", file], cwd=work, stderr=subprocess.DEVNULL)
        try:
            for path in ["/answered", "/broken"]:
                ask(f"http://localhost:{http_port}{path}?q=1")
            spans = wait_for(2)
        finally:
            weir.terminate()
            weir.wait()
    judge(spans)
    print(f"ok: OpenTelemetry reads {len(spans)} spans of Weir as they were meant")


def ask(url):
    request = urllib.request.Request(url, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    for _ in range(100):
        try:
            return urllib.request.urlopen(request).read()
        except urllib.error.HTTPError as answered:
            return answered.read()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("FAILED: Weir does not answer")


def wait_for(count):
    for _ in range(100):
        spans = [span for body in Collector.bodies for span in read(*body)]
        if len(spans) >= count:
            return spans
        time.sleep(0.1)
    raise SystemExit(f"FAILED: {count} spans did not come: {Collector.bodies}")


def read(path, headers, body):
    """Ids are hexadecimal in OTLP's JSON, and base64 in protobuf's own, so they are read as such here."""
    assert path == "/v1/traces" and headers["Content-Type"] == "application/json", (path, headers)
    # A field that OpenTelemetry does not know is an error.
    message = Parse(body, ExportTraceServiceRequest())
    resource = message.resource_spans[0].resource.attributes
    assert {"service.name", "host.name"} <= {one.key for one in resource}, resource
    return [span for scope in message.resource_spans[0].scope_spans for span in scope.spans]


def judge(spans):
    by_path = {attributes(span)["url.path"].string_value: span for span in spans}
    assert set(by_path) == {"/answered", "/broken"}, by_path
    for span in by_path.values():
        assert base64.b64encode(span.trace_id).decode() == TRACE, span
        assert base64.b64encode(span.parent_span_id).decode() == PARENT, span
        assert span.kind == Span.SPAN_KIND_SERVER, span
        assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 10**10, span
        assert abs(span.end_time_unix_nano / 1e9 - time.time()) < 60, span
        assert attributes(span)["weir.queued_seconds"].double_value == 0, span
    assert attributes(by_path["/answered"])["http.response.status_code"].int_value == 200
    assert by_path["/answered"].status.code == Status.STATUS_CODE_UNSET
    assert by_path["/broken"].status.code == Status.STATUS_CODE_ERROR


def attributes(span):
    return {one.key: one.value for one in span.attributes}


main(sys.argv[1])
