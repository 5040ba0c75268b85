"""Real nginx beside Weir: each configuration of tests/import and of configurations/ runs in nginx unmodified, in a network of its
own where this machine has all nodes' addresses, and `weir import nginx --compare --stubs` asks both the same. What differs must be
what expected/NAME says, and each kind of it must be told by the import's own report (TOLD), or by the documentation. crossplane says which directives there
are: the report has each of them.

Arguments: the binary, and names of configurations to try alone. WEIR_WRITE_EXPECTED=1 writes the expectations anew."""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
NGINX = "10.0.0.9"
FEWEST = 25

# What differs, as `what: old -> new`; then directives, one of which the report must tell, or a sentence of docs/from-nginx.md.
PREFIXES = "Location, Content-Location, Refresh and the Path of cookies get `/esb` again"
TOLD = [
    (r"^(status: \d+ -> 421|answer: \d+ -> no handshake)", ["listen … default_server"], None),
    (r"^status: \d+ -> 501|^answer: no answer in 10 s -> 501", ["MISSING", "location /"], None),
    (r"^status: 413 -> ", ["client_max_body_size"], None),
    (r"^status: \d+ -> 400", [], "is refused with 400 `path-unclear`"),
    (r"^status: (200 -> (403|404)|(403|404) -> 200)$|^node: ", ["location /"], "nginx keeps `;parameters`"),
    (r"^status: (403|405) -> 404", ["location / ", "root"], None),
    (r"^answer: closed without an answer -> 403", ["return 444"], None),
    (r"^node saw Host: ", ["proxy_set_header Host"], None),
    (r"^Location: https://([^/]+)/.* -> http://\1/", ["proxy_set_header Host"], None),
    (r"^node saw (X-Forwarded-Proto|X-Forwarded-Port): ", ["proxy_set_header X-"], None),
    (r"^(node saw target|Location|Set-Cookie): .* -> .*/(services//|services/./|services/%2e|%73ervices|services; )", [], "Where `proxy_pass` has a path"),
    (r"^Set-Cookie: .*Path=/carbon; .* -> .*Path=/services; ", [], "Where `proxy_pass` has a path"),
    (r"^Set-Cookie: .*Path=/(esb|appserver|console|mi|mgt)", [], PREFIXES),
    (r"^node saw target: /services/ -> /services$", ["proxy_pass "], None),
    (r"^node saw X-Forwarded-Ssl: ", ["proxy_set_header X-Forwarded-Ssl"], None),
    (r"^node saw X-Client-Verified: ", ["proxy_set_header X-Client-Verified"], None),
    (r"^X-Content-Type-Options: none -> ", ["add_header X-Content-Type-Options"], None),
    (r"^Location: .*/there -> .*/there$", [], PREFIXES),
]

# What is not tried, and why.
LEFT_OUT = {"node-tls": "nginx verifies the nodes' certificates, and no stub has one of theirs"}


def main():
    binary, *wanted = sys.argv[1:]
    binary = str(pathlib.Path(binary).resolve())
    fixtures = sorted((HERE.parent / "import").glob("*.conf")) + sorted(HERE.glob("configurations/*"))
    fixtures += sorted(path for path in (HERE.parent / "import").iterdir() if path.is_dir())
    fixtures = [path for path in fixtures if not wanted or name_of(path) in wanted]
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(os.cpu_count()) as pool:
        certificate(binary, pathlib.Path(work))
        results = list(pool.map(lambda path: tried(binary, path, pathlib.Path(work)), fixtures))
    compared = [result for result in results if result["compared"]]
    left_out = [result for result in results if not result["compared"]]
    wrong = [line for result in results for line in result["wrong"]]
    for result in left_out:
        print(f"left out: {result['name']}: {result['why']}")
    asked = sum(result["asked"] for result in compared)
    print(f"nginx beside Weir: {len(compared)} configurations, {asked} requests to both; {len(left_out)} that this nginx does not take")
    if len(compared) < FEWEST and not wanted:
        wrong.append(f"only {len(compared)} configurations were compared, at least {FEWEST} are wanted")
    print("\n".join(f"WRONG: {line}" for line in wrong))
    sys.exit(bool(wrong))


def name_of(path):
    inside = "" if path.parent.name == "import" else "beside-"
    return inside + path.name.removesuffix(".conf")


def certificate(binary, work):
    hosts = sorted({host for path in HERE.parent.glob("**/*.conf") for host in re.findall(r"[a-z0-9.*-]+\.[a-z]+", path.read_text())
                    if not host.endswith((".conf", ".crt", ".key", ".log", ".pem", ".types"))})
    hosts = [host for host in hosts if not host.startswith((".", "-")) and ".." not in host and host.count("*") <= host.startswith("*.")]
    options = [part for host in hosts for part in ("--host", host)]
    for name, kind in (("site", []), ("rsa", ["--rsa", "2048"])):
        command = [binary, "cert", "create", *options, "--name", name, "--out", work / "ssl", *kind]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (work / "ssl/both.pem").write_text((work / "ssl/site.crt").read_text() + (work / "ssl/site.key").read_text())


def tried(binary, path, work):
    """One configuration: what was asked, what is wrong."""
    name = name_of(path)
    if name in LEFT_OUT:
        return result(name, why=LEFT_OUT[name])
    etc = work / name / "nginx"
    if path.is_dir():
        shutil.copytree(path, etc)
    else:
        etc.mkdir(parents=True)
        shutil.copy(path, etc / path.name)
    main_file = etc / "nginx.conf"
    whole = main_file.exists() or re.search(r"^\s*http\s*\{", "".join(file.read_text() for file in etc.glob("*.conf")), re.M)
    files = sorted(file.name for file in etc.glob("*.conf"))
    first = "nginx.conf" if main_file.exists() else files[0]
    if not whole:
        includes = "".join(f"include /etc/nginx/{file}; " for file in files)
        # Without .conf at its end the import of the directory does not read it.
        (etc / "around").write_text(f"events {{ }}\nhttp {{ {includes}}}\n")
    shutil.copytree(work / "ssl", etc / "ssl")
    job = {
        "binary": binary, "work": str(work / name), "first": first if whole else "around",
        "import": "/etc/nginx" if path.is_dir() else f"/etc/nginx/{first}",
        "pace": ["--per-second", "10"] if "limit_req" in "".join(file.read_text() for file in etc.glob("*.conf")) and "import" == path.parent.name else [],
    }
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    done = subprocess.run([*unshare, sys.executable, __file__, "--inside", json.dumps(job)], capture_output=True, text=True, timeout=170)
    try:
        said = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return result(name, wrong=[f"{name}: {done.stdout}{done.stderr}"])
    if "left out" in said:
        return result(name, why=said["left out"])
    wrong = judged(name, said["report"]) + [f"{name}: {line}" for line in said["crossplane"]]
    return result(name, compared=True, asked=len(said["report"]["comparison"]["requests"]), wrong=wrong)


def result(name, compared=False, asked=0, wrong=(), why="it could not be tried"):
    return {"name": name, "compared": compared, "asked": asked, "wrong": list(wrong), "why": why}


def judged(name, report):
    """What differs and is not expected, and what is expected and the report does not tell."""
    found = collections.Counter(line for request in report["comparison"]["requests"] for line in told(request))
    lines = [f"{times} x {line}" for line, times in sorted(found.items())]
    file = HERE / "expected" / name
    if os.environ.get("WEIR_WRITE_EXPECTED"):
        if lines:
            file.write_text("\n".join(lines) + "\n")
        else:
            file.unlink(missing_ok=True)
    expected = file.read_text().splitlines() if file.exists() else []
    wrong = [f"{name}: differs: {line}" for line in lines if line not in expected]
    wrong += [f"{name}: no longer: {line}" for line in expected if line not in lines]
    document = " ".join((HERE.parent.parent / "docs/from-nginx.md").read_text().split())
    for line in found:
        if not any(re.search(pattern, line) and tells(report, directives, sentence, document) for pattern, directives, sentence in TOLD):
            wrong.append(f"{name}: neither report nor documentation tells: {line}")
    return wrong


def tells(report, directives, sentence, document):
    """Whether the report has a line on one of these directives, or the documentation has the sentence."""
    if sentence and sentence in document:
        return True
    for line in report["lines"]:
        gap = line["class"] in ("missing", "refused")
        says = gap or line["class"] not in ("same", "ignored") or line["note"]
        if says and any(f"{line['directive']} {line['args']} ".startswith(directive) or gap and directive == "MISSING" for directive in directives):
            return True
    return False


def told(request):
    """What differs, without what only follows from it: another answer has another way, too."""
    differences = [(one["what"], one["old"], one["new"]) for one in request["differences"]]
    firsts = [one for one in differences if one[0] in ("answer", "status", "node")] or differences
    one_way = len(firsts) < len(differences) or firsts[:1] and firsts[0][0] in ("answer", "status", "node")
    return [f"{what}: {old} -> {new}" for what, old, new in (firsts[:1] if one_way else firsts)]


def inside(job):
    """In its own network and mounts: starts nginx, imports, compares."""
    work, etc = pathlib.Path(job["work"]), pathlib.Path(job["work"]) / "nginx"
    run = lambda *command: subprocess.run(command, capture_output=True, text=True)
    run("mount", "--make-rprivate", "/")
    for directory in ("/run", "/var/log/nginx", "/var/lib/nginx"):
        pathlib.Path(directory).is_dir() and run("mount", "-t", "tmpfs", "tmpfs", directory)
    run("mount", "--bind", etc, "/etc/nginx")
    bound("/etc/passwd", work, "nginx:x:65534:65534::/:/usr/sbin/nologin\n")
    bound("/etc/group", work, "nginx:x:65534:\n")
    run("ip", "link", "set", "lo", "up")
    text = "".join(file.read_text() for file in etc.glob("**/*") if file.is_file() and "ssl" not in file.parts)
    addresses = {NGINX, *re.findall(r"\b(?:10|172|192)\.\d+\.\d+\.\d+\b", text)}
    for address in addresses:
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    for directory in ("prefix/logs", "tmp"):
        (work / directory).mkdir(parents=True)
    nginx = ["nginx", "-p", f"{work}/prefix/", "-c", f"/etc/nginx/{job['first']}", "-e", f"{work}/error.log"]
    hosts = {}
    for _ in range(20):
        checked = run(*nginx, "-t")
        if checked.returncode == 0:
            break
        unknown = re.search(r'host not found in (?:upstream )?"([^":]+)', checked.stderr)
        if not unknown:
            why = next((line for line in checked.stderr.splitlines() if "[emerg]" in line), checked.stderr)
            return {"left out": why.replace("nginx: [emerg] ", "")}
        hosts[unknown[1]] = f"10.99.0.{len(hosts) + 1}"
        run("ip", "address", "add", f"{hosts[unknown[1]]}/32", "dev", "lo")
        if len(hosts) == 1:
            bound("/etc/hosts", work, "")
        pathlib.Path(work / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in hosts.items()))
    # It returns when it listens.
    started = run(*nginx)
    if started.returncode:
        raise SystemExit(started.stderr)
    os.environ["TMPDIR"] = f"{work}/tmp"
    command = [job["binary"], "import", "nginx", job["import"], "--partial", "--compare", f"http://{NGINX}", "--stubs", "--json", *job["pace"]]
    compared = run(*command)
    if "Address already in use" in compared.stderr:
        return {"left out": "nginx itself takes a node's port on all addresses"}
    if not compared.stdout:
        raise SystemExit(compared.stderr)
    left = [path.name for path in (work / "tmp").iterdir()]
    if left:
        raise SystemExit(f"left behind: {left}")
    report = json.loads(compared.stdout)
    return {"report": report, "crossplane": by_crossplane(f"/etc/nginx/{job['first']}", report)}


def bound(path, work, more):
    """This file with more in it, for this network alone."""
    copy = work / pathlib.Path(path).name
    copy.write_text(pathlib.Path(path).read_text() + more)
    subprocess.run(["mount", "--bind", copy, path], check=True)


def by_crossplane(main_file, report):
    """Directives that crossplane finds and the report does not have, and the other way round."""
    import crossplane

    parsed = crossplane.parse(main_file, catch_errors=True)
    found = set()
    for config in parsed["config"]:
        if not config["file"].endswith(("/around", ".map")):
            count(config["parsed"], config["file"].removeprefix("/etc/nginx/"), found)
    told = {(line["file"], line["line"], line["directive"]) for line in report["lines"] if not line["default"]}
    return [f"crossplane has {one}, the report does not" for one in (found - told)] + [f"the report has {one}, crossplane does not" for one in (told - found)]


def count(block, file, found):
    for one in block:
        found.add((file, one["line"], one["directive"]))
        block = one.get("block", [])
        # Their lines are values, besides includes.
        if one["directive"] in ("types", "map", "geo", "split_clients", "charset_map"):
            block = [inner for inner in block if inner["directive"] == "include"]
        count(block, file, found)


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        print(json.dumps(inside(json.loads(sys.argv[2]))))
    else:
        main()
