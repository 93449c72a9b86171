"""The service behind the link: answers whose bytes follow from their name, so that everybody knows the right ones."""

import hashlib
import http.server
import random
import re
import threading
import time

# A piece of a body, after which a slow origin pauses.
PIECE = 16 << 10


def body_of(name, size):
    return random.Random(f"{name}/{size}").randbytes(size)


class Origin:
    """`/NAME/SIZE` gives SIZE bytes with a strong ETag that stay fresh for a month. While `alive` is false, every
    connection is closed without a word. `rate`, bytes a second of one answer, makes it a thin link."""

    def __init__(self):
        self.alive, self.rate = True, None
        self.requests, self.bytes = 0, 0
        self.bodies = {}
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                origin.answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def body(self, path):
        if path not in self.bodies:
            name, size = path.strip("/").rsplit("/", 1)
            self.bodies[path] = body_of(name, int(size))
        return self.bodies[path]

    def answer(self, handler):
        self.requests += 1
        if not self.alive:
            handler.close_connection = True
            return
        body = self.body(handler.path)
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        first, last = self.wanted(handler, body, tag)
        part = (first, last) != (0, len(body) - 1)
        handler.send_response(206 if part else 200)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Cache-Control", "public, max-age=2592000")
        handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(last - first + 1))
        if part:
            handler.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        handler.end_headers()
        self.send(handler, body[first:last + 1])

    @staticmethod
    def wanted(handler, body, tag):
        """First and last byte: of the range where one is asked for and the condition, if any, holds."""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        if not wanted or handler.headers.get("If-Range", tag) != tag or int(wanted[1]) >= len(body):
            return 0, len(body) - 1
        return int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)

    def send(self, handler, body):
        for at in range(0, len(body), PIECE):
            if not self.alive:
                handler.close_connection = True
                return
            piece = body[at:at + PIECE]
            handler.wfile.write(piece)
            self.bytes += len(piece)
            if self.rate:
                time.sleep(len(piece) / self.rate)
