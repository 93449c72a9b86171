"""What the benchmarks share: an origin to fill caches from, the two servers, and what the kernel says of them."""

import http.client
import http.server
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
NAMES = {1 << 10: "1 KB", 10 << 10: "10 KB", 100 << 10: "100 KB", 1 << 20: "1 MB", 10 << 20: "10 MB"}


def need(*programs):
    """Ends with a clear word where a program is missing."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        sys.exit(f"missing here: {', '.join(missing)}  (Debian: apt install nginx wrk util-linux strace)")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder():
    """A folder on the disk that the build uses, removed at the end: /tmp may be memory."""
    place = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "bench")
    os.makedirs(place, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=place)


class Origin:
    """`/SIZE` is that many bytes that stay fresh for a day; `/pass/SIZE` may not be kept."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                size = int(self.path.rsplit("/", 1)[1])
                self.send_response(200)
                keep = "no-store" if self.path.startswith("/pass/") else "public, max-age=86400"
                self.send_header("Cache-Control", keep)
                self.send_header("ETag", f'"{size}"')
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(size))
                self.end_headers()
                self.wfile.write(b"x" * size)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Server:
    """A server under test: started pinned to a core, ended with everything it started."""

    def __init__(self, name, port, command, core=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.name, self.port = name, port
        self.errors = tempfile.TemporaryFile()
        began = time.monotonic()
        self.process = subprocess.Popen(
            pin + command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors, start_new_session=True
        )
        while True:
            if self.process.poll() is not None:
                self.errors.seek(0)
                sys.exit(f"{name} ended at once: {self.errors.read().decode(errors='replace')}")
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.001)
                if time.monotonic() - began > 20:
                    sys.exit(f"{name} does not listen")
        self.started_in = time.monotonic() - began

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def pids(self):
        """The process and its children."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as children:
                    queue += [int(child) for child in children.read().split()]
            except FileNotFoundError:
                pass
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory_kb(self):
        """KB resident in its largest process, and in all of them with shared pages counted once."""
        resident = proportional = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                text = rollup.read()
            resident = max(resident, int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1]))
            proportional += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
        return resident, proportional

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def nginx(place, origin, core=None):
    """proxy_cache as its manual sets it up for speed: sendfile, open files kept, no log, one worker.

    `tcp_nopush` stays off, as it is by default: on loopback it makes nginx wait for acknowledgements, which costs it
    three quarters of its speed at 100 KB and gains it one tenth at 1 KB.
    """
    port = free_port()
    home = os.path.join(place, f"nginx-{port}")
    os.makedirs(home)
    account = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "fastcgi", "uwsgi", "scgi"))
    with open(f"{home}/nginx.conf", "w") as file:
        file.write(f"""
daemon off; {account} worker_processes 1; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nodelay on;
    keepalive_requests 1000000000; keepalive_timeout 600s;
    open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s;
    {temporary}
    proxy_cache_path {home}/cache levels=1:2 keys_zone=bench:10m max_size=1g inactive=1d use_temp_path=off;
    proxy_temp_path {home}/proxy;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://127.0.0.1:{origin.port};
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache bench; proxy_cache_valid 200 1d;
            add_header X-Cache $upstream_cache_status;
        }}
    }}
}}
""")
    return Server("nginx", port, ["nginx", "-e", f"{home}/start.log", "-c", f"{home}/nginx.conf"], core)


def hafir(place, origin, core=None, binary=None, more=""):
    """One worker, no log: the same as nginx above."""
    port = free_port()
    home = os.path.join(place, f"hafir-{port}")
    os.makedirs(home)
    with open(f"{home}/hafir.ini", "w") as file:
        file.write(f"""
[gateway]
listen = 127.0.0.1:{port}
state = {home}/state
workers = 1
[limits]
connections = 4000
connections_per_client = 4000
[timeouts]
idle = 600 s
[cache]
size = 1 GB
keep_free = 10 MB
[metrics]
listen = off
[route all]
path = /
upstream = http://127.0.0.1:{origin.port}
{more}
""")
    return Server("hafir", port, [binary or built(), "run", f"{home}/hafir.ini"], core)


def built():
    """The release binary, built if need be."""
    subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "hafir"], cwd=ROOT, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "hafir")


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def table(head, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(" --- " for _ in head) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
