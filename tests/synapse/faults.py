"""Faults, each put into the running cluster and taken out again. `weir wso2 test` names each while it is there, and no other."""

import contextlib
import json
import re
import time

from promises import one_active

# The first begins sessions and has a description, the second is an API.
SERVICES = ["--service", "/services/Session", "--service", "/orders/health"]


def tried(weir, cluster):
    """Runs them all, and finds the cluster well before and after."""
    weir.as_shipped()
    well(weir, "with conf/weir.toml as it is")
    weir.reload()
    for fault in ALL:
        began = time.monotonic()
        with contextlib.contextmanager(fault)(weir, cluster):
            failed, _ = report(weir)
        strange = {line for line in failed if not re.match(fault.beside, line)}
        assert strange == set(fault.lines), f"{fault.__doc__}: it is named by {failed}"
        for node in (cluster.worker2, cluster.manager):
            node.wait()
        weir.await_active()
        print(f"ok: named: {fault.__doc__}: {failed[fault.lines[0]]} ({time.monotonic() - began:.1f} s)", flush=True)
    well(weir, "after the faults")


def well(weir, when):
    failed, lines = report(weir)
    assert not failed, failed
    print(f"ok: weir wso2 test finds nothing wrong {when}: {lines}", flush=True)


def report(weir):
    """What failed, as {"check about": what}, and how many lines there are of each kind."""
    done = weir.command("wso2", "test", *SERVICES, "--per-second", "100", "--json", "--config", weir.file)
    assert done.stdout.startswith("{"), done.stderr
    report = json.loads(done.stdout)
    failed = {f"{line['check']} {line['about']}": line["what"] for line in report["lines"] if line["outcome"] == "failed"}
    assert done.returncode == bool(failed), (done.returncode, failed)
    return failed, ", ".join(f"{report[word]} {word}" for word in ("passed", "failed", "warnings", "skipped"))


def named_by(*lines, beside="$"):
    """These lines of the report name the fault. `beside`: others that may fail with it."""
    def mark(fault):
        fault.lines, fault.beside = lines, beside
        return fault
    return mark


@named_by("port worker2 in esb-http", "port worker2 in esb-https", beside="state pool esb")
def stopped(weir, cluster):
    """worker2 is stopped"""
    cluster.worker2.stop()
    weir.await_passive("worker2")
    yield
    cluster.worker2.begin()


@named_by("port worker2 in esb-http", "port worker2 in esb-https", beside="state pool esb")
def hung(weir, cluster):
    """worker2 hangs"""
    cluster.worker2.freeze()
    weir.await_passive("worker2")
    yield
    cluster.worker2.thaw()


@named_by("service /services/Session on worker2:8280", "service /services/Session on worker2:8243")
def no_prefix(weir, cluster):
    """worker2 has no WSDLEPRPrefix"""
    cluster.worker2.restart(wsdl_prefix=False)
    weir.await_active()
    # The next fault begins with a start without this one.
    yield


@named_by(*(f"service {service} on worker2:{port}" for service in ("/services/Session", "/orders/health") for port in (8280, 8243)),
          beside="session pool")
def no_artifacts(weir, cluster):
    """worker2 has no artifacts"""
    cluster.worker2.restart(artifacts=False)
    weir.await_active()
    # The next fault begins with a start without this one.
    yield


@named_by("port worker2 in esb-https", beside="state pool esb-https")
def other_key(weir, cluster):
    """worker2 has another key than the pinned one"""
    cluster.worker2.restart(keystore="other.jks")
    weir.await_states({("esb-http", "worker2"): "active", ("esb-https", "worker2"): "passive"})
    yield
    cluster.worker2.restart()


@named_by("proxy-port manager")
def no_proxy_port(weir, cluster):
    """the manager has no proxyPort"""
    cluster.manager.restart(proxy_port=0)
    weir.await_active()
    yield
    cluster.manager.restart()


@named_by("closed site esb.http", "closed site esb.https")
def open_console(weir, cluster):
    """the admin services are open on the workers' sites"""
    weir.reload({"deny = true": "deny = false"})
    yield
    weir.reload()


@named_by("session pool esb-https")
def not_sticky(weir, cluster):
    """sessions are not kept"""
    weir.reload({"sticky = {": "# sticky = {"})
    yield
    weir.reload()


@named_by("certificate site esb.https esb.wso2.com", "reload the running Weir")
def other_host(weir, cluster):
    """a site shows the certificate of another host"""
    weir.certificate("other.example.com", "other")
    site = 'hosts = ["%s"]\n%s = true\ncertificate = { chain = "../certs/%s.crt", key = "../certs/%s.key" }'
    weir.reload({site % ("esb.wso2.com", "nameless", "wrk", "wrk"): site % ("other.example.com", "default", "other", "other")})
    # Now the file is as it should be. Weir itself would take over none whose certificate does not fit.
    weir.write()
    yield
    weir.reload()


@named_by("state pool esb-http", "state pool esb-https")
def maintained(weir, cluster):
    """worker2 is in maintenance"""
    weir.order("maintain", "worker2", "--reason", "a new disk")
    yield
    weir.activate("worker2")


@named_by("state pool esb-http", "state pool esb-https", "reload the running Weir")
def not_loaded(weir, cluster):
    """the file wants one worker active, and Weir runs another one"""
    weir.write(one_active(["worker1", "worker2"]))
    yield
    weir.reload()


@named_by("reload the running Weir")
def forgotten(weir, cluster):
    """the file was changed, and Weir was not told"""
    weir.write({"fall = 3": "fall = 4"})
    yield
    weir.reload()


@named_by("name host mgt.esb.wso2.com", beside="(certificate|console|proxy-port|admin) ")
def no_name(weir, cluster):
    """the console's host has no address"""
    hosts = weir.work / "hosts"
    whole = hosts.read_text()
    hosts.write_text(whole.replace(" mgt.esb.wso2.com", ""))
    yield
    hosts.write_text(whole)


ALL = [stopped, hung, no_prefix, no_artifacts, other_key, no_proxy_port, open_console, not_sticky, other_host, maintained, not_loaded, forgotten, no_name]
