"""What the benchmarks share: origins to fill caches from, the servers, and what the kernel says of them."""

import base64
import http.client
import http.server
import json
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


# Which Debian package a program is in, where their names differ.
PACKAGES = {"varnishd": "varnish", "taskset": "util-linux", "cc": "gcc"}


def install(program):
    """Installs what is missing as scripts/test does; gives whether it is there now."""
    if "/usr/sbin" not in os.environ["PATH"]:
        os.environ["PATH"] += ":/usr/sbin:/sbin"
    if shutil.which(program):
        return True
    package = PACKAGES.get(program, program)
    asked = f'. scripts/needs.sh; need_packages "{program} {package}"'
    subprocess.run(["bash", "-c", asked], cwd=ROOT, stdout=sys.stderr, check=False)
    if os.path.isdir("/run/systemd/system"):
        # The packages of servers start one of their own; only ours is wanted.
        subprocess.run(["systemctl", "disable", "--now", package], capture_output=True, check=False)
    return bool(shutil.which(program))


def need(*programs):
    """Ends with a clear word where a program is missing and cannot be installed."""
    missing = [name for name in programs if not install(name)]
    if missing:
        sys.exit(f"missing here: {', '.join(missing)}")
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

    def __init__(self, name, port, command, core=None, environment=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.name, self.port = name, port
        self.errors = tempfile.TemporaryFile()
        began = time.monotonic()
        self.process = subprocess.Popen(
            pin + command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors, start_new_session=True,
            env={**os.environ, **(environment or {})},
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

    def get(self, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers or {})
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

    def cpu_nanoseconds(self):
        """Of all threads that are there now, to the nanosecond; short-lived ones are not in it."""
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as schedule:
                total += int(schedule.read().split()[0])
        return total

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


def home_of(place, name, port):
    """A folder that a server which gives up root can write to."""
    home = os.path.join(place, f"{name}-{port}")
    os.makedirs(home, exist_ok=True)
    for path in (place, home):
        os.chmod(path, 0o777)
    return home


def varnish(place, origin, core=None):
    """From RAM, which is what it is for; its built-in rules."""
    port = free_port()
    home = home_of(place, "varnish", port)
    with open(f"{home}/bench.vcl", "w") as file:
        file.write(f"""
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin.port}"; }}
sub vcl_deliver {{ if (obj.hits > 0) {{ set resp.http.X-Cache = "hit"; }} }}
""")
    command = ["varnishd", "-F", "-j", "none", "-n", f"{home}/work", "-a", f"127.0.0.1:{port}", "-f", f"{home}/bench.vcl",
               "-s", "malloc,512m", "-p", "thread_pools=1", "-p", "timeout_idle=600"]
    return Server("varnish", port, command, core)


def haproxy(place, origin, core=None):
    """Its small cache, in RAM, one thread."""
    port = free_port()
    home = home_of(place, "haproxy", port)
    with open(f"{home}/haproxy.cfg", "w") as file:
        file.write(f"""
global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout client 600s
    timeout server 60s
    timeout connect 10s
cache bench
    total-max-size 512
    max-object-size 33554432
    max-age 86400
listen bench
    bind 127.0.0.1:{port}
    http-request cache-use bench
    http-response cache-store bench
    http-after-response set-header X-Cache hit if {{ res.cache_hit }}
    server origin 127.0.0.1:{origin.port}
""")
    return Server("haproxy", port, ["haproxy", "-db", "-f", f"{home}/haproxy.cfg"], core)


def squid(place, origin, core=None, again=None):
    """As an accelerator with a folder of its own, hot objects in RAM, no log. `again`: on the folder of an earlier one."""
    port = again or free_port()
    home = home_of(place, "squid", port)
    with open(f"{home}/squid.conf", "w") as file:
        file.write(f"""
http_port 127.0.0.1:{port} accel defaultsite=bench no-vhost
cache_peer 127.0.0.1 parent {origin.port} 0 no-query originserver no-digest no-netdb-exchange
http_access allow all
cache_dir ufs {home}/cache 2000 64 256
cache_mem 256 MB
maximum_object_size 64 MB
maximum_object_size_in_memory 64 MB
access_log none
cache_log {home}/cache.log
cache_store_log none
pid_filename {home}/pid
coredump_dir {home}
client_persistent_connections on
shutdown_lifetime 1 seconds
""")
    if os.geteuid() == 0:
        # It gives up root for the account that its package made.
        shutil.chown(home, "proxy", "proxy")
    # The name keeps its shared memory apart from that of others.
    command = ["squid", "-N", "-n", f"bench{port}", "-f", f"{home}/squid.conf"]
    if not again:
        subprocess.run([*command, "-z"], capture_output=True, check=False)
    return Server("squid", port, command, core)


def nginx(place, origin, core=None, workers=1, environment=None, again=None):
    """proxy_cache as its manual sets it up for speed: sendfile, open files kept, no log.

    `tcp_nopush` stays off, as it is by default: on loopback it makes nginx wait for acknowledgements, which costs it
    three quarters of its speed at 100 KB and gains it one tenth at 1 KB.
    """
    port = again or free_port()
    home = home_of(place, "nginx", port)
    account = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "fastcgi", "uwsgi", "scgi"))
    with open(f"{home}/nginx.conf", "w") as file:
        file.write(f"""
daemon off; {account} worker_processes {workers}; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nodelay on;
    keepalive_requests 1000000000; keepalive_timeout 600s;
    open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s;
    {temporary}
    proxy_cache_path {home}/cache levels=1:2 keys_zone=bench:50m max_size=10g inactive=1d use_temp_path=off;
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
    return Server("nginx", port, ["nginx", "-e", f"{home}/start.log", "-c", f"{home}/nginx.conf"], core, environment)


class Fixed:
    """An nginx that answers any path with 1 KB that stays fresh for a day: a fast origin for many objects."""

    def __init__(self, place):
        self.port = free_port()
        home = home_of(place, "fixed", self.port)
        with open(f"{home}/nginx.conf", "w") as file:
            file.write(f"""
daemon off; {"user root;" if os.geteuid() == 0 else ""} worker_processes 1; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000;
    {" ".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))}
    server {{
        listen 127.0.0.1:{self.port} backlog=1024;
        location / {{
            add_header Cache-Control "public, max-age=86400";
            default_type application/octet-stream;
            return 200 "{"x" * 1024}";
        }}
    }}
}}
""")
        self.server = Server("origin", self.port, ["nginx", "-e", f"{home}/start.log", "-c", f"{home}/nginx.conf"])

    def stop(self):
        self.server.stop()


def hafir(place, origin, core=None, binary=None, more="", workers=1, environment=None, again=None):
    """No log: the same as nginx above."""
    port = again or free_port()
    home = home_of(place, "hafir", port)
    with open(f"{home}/hafir.ini", "w") as file:
        file.write(f"""
[gateway]
listen = 127.0.0.1:{port}
state = {home}/state
workers = {workers}
[limits]
connections = 4000
connections_per_client = 4000
[timeouts]
idle = 600 s
[cache]
size = 10 GB
keep_free = 10 MB
[metrics]
listen = off
[route all]
path = /
upstream = http://127.0.0.1:{origin.port}
{more}
""")
    return Server("hafir", port, [binary or built(), "run", f"{home}/hafir.ini"], core, environment)


ISSUER = "https://id.bench.example"
TOKENS = {"RS256": ["RSA", "rsa_keygen_bits:2048"], "ES256": ["EC", "ec_paramgen_curve:P-256"], "EdDSA": ["ED25519"]}


def limited(place, origin, core, binary, environment=None):
    """One gateway with the same objects behind several doors: open, for keys with a plan, and for tokens of each kind.
    Gives the server and a key."""
    doors, sections = "", "[plan bench]\nrate = 1000000/s burst 1000000\nquota = 1000000000/day, 1000000000/month\n"
    door = "[route {0}]\npath = /{0}/\nupstream = http://127.0.0.1:{1}\n{2}\n"
    doors += door.format("keyed", origin.port, "auth = key")
    for name in TOKENS:
        private, public = (os.path.join(place, f"{name}.{kind}") for kind in ("private", "public"))
        kind, *options = TOKENS[name]
        generate = ["openssl", "genpkey", "-quiet", "-algorithm", kind, "-out", private]
        subprocess.run(generate + [word for option in options for word in ("-pkeyopt", option)], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        sections += f"[jwt {name}]\nissuer = {ISSUER}/{name}\naudience = bench\nalgorithms = {name}\nkeys.file = {public}\n"
        doors += door.format(name, origin.port, f"auth = jwt\nauth.jwt = {name}\nclock.unsure = accept")
    server = hafir(place, origin, core, binary, more=doors + sections, environment=environment)
    file = os.path.join(home_of(place, "hafir", server.port), "hafir.ini")
    make = [binary, "key", "--config", file, "new", "--name", "bench", "--plan", "bench"]
    # It listens before its own doors are open.
    time.sleep(1)
    said = subprocess.run(make, stdout=subprocess.PIPE, text=True, check=False)
    key = re.search(r"hafir_\w{20,}", said.stdout)
    if not key:
        server.stop()
        sys.exit(f"no key was made: {said.stdout}")
    return server, key[0]


def token(place, name, number):
    """A JWT (RFC 7519) of one kind, signed by openssl."""
    now = int(time.time())
    claims = {"iss": f"{ISSUER}/{name}", "aud": "bench", "sub": "tablet", "jti": str(number), "iat": now, "exp": now + 86400}
    parts = [json.dumps(part).encode() for part in ({"alg": name, "typ": "JWT"}, claims)]
    text = b".".join(base64url(part) for part in parts)
    private = os.path.join(place, f"{name}.private")
    if name == "EdDSA":
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(text)
            file.flush()
            sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", file.name]
            signature = subprocess.run(sign, capture_output=True, check=True).stdout
    else:
        sign = ["openssl", "dgst", "-sha256", "-sign", private]
        signature = subprocess.run(sign, input=text, capture_output=True, check=True).stdout
    if name == "ES256":
        signature = two_numbers(signature)
    return (text + b"." + base64url(signature)).decode()


def base64url(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def two_numbers(der):
    """The signature of an ES256 token (RFC 7518 §3.4) from that of openssl: a sequence of two integers."""
    length = der[3]
    first, second = der[4 : 4 + length], der[6 + length :]
    return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in (first, second))


class SlowDisk:
    """Makes the disk below a folder slow for one server's reads, with the kernel's own brake (cgroups; needs root)."""

    def __init__(self, server, place, bytes_per_second):
        device = os.stat(place).st_dev
        name = os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        if os.path.exists(f"{name}/partition"):
            name = os.path.dirname(name)
        with open(f"{name}/dev") as file:
            disk = file.read().strip()
        if os.path.exists("/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device"):
            self.folder, brake = "/sys/fs/cgroup/blkio/hafir-bench", ("blkio.throttle.read_bps_device", f"{disk} {bytes_per_second}")
        else:
            self.folder, brake = "/sys/fs/cgroup/hafir-bench", ("io.max", f"{disk} rbps={bytes_per_second}")
        os.makedirs(self.folder, exist_ok=True)
        try:
            self.write(*brake)
            for pid in server.pids():
                self.write("cgroup.procs", str(pid))
        except OSError:
            self.release(server)
            raise

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def release(self, server):
        root = os.path.dirname(self.folder)
        for pid in server.pids():
            with open(os.path.join(root, "cgroup.procs"), "w") as file:
                file.write(str(pid))
        os.rmdir(self.folder)


def forget(folder, larger_than):
    """Takes the files of a folder out of the page cache, those that are larger than this."""
    os.sync()
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            try:
                if os.path.getsize(path) > larger_than:
                    file = os.open(path, os.O_RDONLY)
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                    os.close(file)
            except FileNotFoundError:
                pass


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
