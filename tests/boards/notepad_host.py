"""The spoiled files against the binary of this machine: what the card's init would do, in folders instead of partitions."""

import concurrent.futures
import contextlib
import os
import re
import subprocess
import time

import client
import notepad
from machine import free_ports

DEFAULTS = """\
[gateway]
listen = 127.0.0.1:{port}
state = {data}/hafir
[metrics]
listen = 127.0.0.1:{admin_port}
[board]
time = off
"""
# A debug build on a busy machine.
PATIENCE = 30
# A status that nobody can read to its end is none.
LONGEST_STATUS = 64 << 10
LINE = re.compile(r"\bline (\d+)|hafir[^\s:]*:(\d+):", re.I)


class Board:
    """The folders of a card, and the gateway on them."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.boot, self.data, self.run = (os.path.join(folder, name) for name in ("boot", "data", "run"))
        for place in (self.boot, self.data, self.run):
            os.makedirs(place)
        self.port, admin_port = free_ports(2)
        self.defaults = os.path.join(folder, "defaults.ini")
        with open(self.defaults, "w", encoding="utf-8") as out:
            out.write(DEFAULTS.format(port=self.port, admin_port=admin_port, data=self.data))
        self.environment = dict(os.environ, HAFIR_DEFAULTS=self.defaults)

    def put(self, files):
        """The card comes back from a computer with these files."""
        for name in os.listdir(self.boot):
            path = os.path.join(self.boot, name)
            os.rmdir(path) if os.path.isdir(path) else os.remove(path)
        for name, content in files.items():
            path = os.path.join(self.boot, name)
            if content is None:
                os.mkdir(path)
                continue
            with open(path, "wb") as out:
                out.write(content)

    def start(self, page):
        """Prepares and starts as init does; gives the answer for a page, and leaves the status on the card."""
        prepared = subprocess.run(self.command("prepare"), capture_output=True, timeout=PATIENCE, env=self.environment,
                                  check=False)
        if prepared.returncode:
            raise AssertionError(f"prepare ended with {prepared.returncode}: {prepared.stderr.decode()[:500]}")
        with self.running([self.binary, "run", self.setting("HAFIR_FILE")]) as gateway:
            answer = self.page(gateway, page)
            # No test may set this machine's clock.
            harmless = ["setpriv", "--bounding-set=-sys_time"] if os.geteuid() == 0 else []
            with self.running([*harmless, *self.command("watch")]) as watch:
                self.wait_for_status(watch)
            return answer

    def command(self, word):
        return [self.binary, "board", word, "--boot", self.boot, "--data", self.data, "--run", self.run]

    @contextlib.contextmanager
    def running(self, command):
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_for_status(self, watch):
        give_up = time.monotonic() + PATIENCE
        while not os.path.exists(self.status_file()):
            if watch.poll() is not None or time.monotonic() > give_up:
                raise AssertionError("no status is written")
            time.sleep(0.02)

    def status_file(self):
        return os.path.join(self.boot, "hafir-status.txt")

    def setting(self, name):
        """What a shell makes of board.env."""
        env = os.path.join(self.run, "board.env")
        return subprocess.run(["sh", "-c", f'. "$1"; printf %s "${name}"', "sh", env], capture_output=True, text=True,
                              check=True).stdout

    def page(self, process, path):
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if process.poll() is not None:
                raise AssertionError(f"the gateway ended with {process.returncode}")
            if answer := client.get(self.port, path, seconds=5):
                return answer
            time.sleep(0.02)
        raise AssertionError("no page")

    def status(self):
        with open(self.status_file(), "rb") as file:
            return file.read()


def check(binary, folder, case):
    """All that is wrong with what becomes of a case, in words."""
    board = Board(binary, os.path.join(folder, "fresh"))
    board.put(case.files)
    faults = list(check_page(case, board.start))
    faults += check_status(case, board.status())
    faults += check_secret(case, board)
    if case.means == "wrong":
        faults += check_history(binary, folder, case)
    return faults


def check_page(case, fetch):
    """Its own page where the file is right, some page always."""
    if case.means == "same":
        answer = fetch("/hello/")
        if (answer.status, answer.body.decode(errors="replace").strip()) != (200, notepad.GREETING):
            yield f"/hello/ gives {answer.status} {answer.body[:60]!r}"
        return
    # The file may say what stands at /, and that may be out of reach.
    answer = fetch("/")
    if case.means == "other" and answer.status != 200:
        answer = fetch("/hello/")
    # Without a good file before, a broken one gives a page that says so, as 503: nothing can be served by it.
    allowed = (200, 503) if case.means == "wrong" else (200,)
    if answer.status not in allowed or not answer.body and case.means == "wrong":
        yield f"/ gives {answer.status}"


def check_status(case, status):
    """The lines, keys and words that have to be told, and no other line."""
    text = status.decode()
    if "\n" in text.replace("\r\n", ""):
        yield "a line of the status ends without CR"
    if len(status) > LONGEST_STATUS:
        yield f"a status of {len(status)} bytes"
    if notepad.PASSPHRASE in text:
        yield "the passphrase stands in the status"
    parts = paragraphs(text)
    if case.means == "same" and list(case.files) == ["hafir.ini"] and not text.lstrip("\ufeff").startswith("All is well"):
        yield f"it does not say that all is well: {text[:200]!r}"
    blamed = {int(found[1] or found[2]): part for part in parts for found in LINE.finditer(part)}
    for line, words in case.problems:
        if not any(tells(part, line, words) for part in parts):
            yield f"not told: {f'line {line}, ' if line else ''}{words}"
    wanted = {line for line, _ in case.problems} | case.also
    if case.means != "wrong" or None not in wanted:
        for line in sorted(set(blamed) - wanted):
            # A line that another problem refers to is no blame.
            if not any(str(line) in words for _, words in case.problems):
                yield f"blames line {line}: {blamed[line].strip()[:160]}"
    if case.means == "wrong" and case.problems[0][0] is None and not blamed and "hafir.ini" not in text:
        yield "does not say what is wrong"


def paragraphs(text):
    """Lines are broken, and go on indented."""
    return [" ".join(part.split()) for part in re.split(r"\r\n(?=\r\n|\S)", text)]


def tells(part, line, words):
    lines = {int(found[1] or found[2]) for found in LINE.finditer(part)}
    return (not line or line in lines) and all(word.lower() in part.lower() for word in words)


def check_secret(case, board):
    """What was typed in clear is gone from the file that was understood, or the status says that it is not."""
    if case.means != "same":
        return
    path = board.setting("HAFIR_FILE")
    with open(path, "rb") as file:
        content = file.read()
    told = any(tells(part, 0, ["still stand"]) for part in paragraphs(board.status().decode()))
    if not told and any(notepad.PASSPHRASE.encode(code) in content for code in ("utf-8", "utf-16-le", "utf-16-be")):
        yield f"the passphrase is left in {os.path.basename(path)}"


def check_history(binary, folder, case):
    """A board that has run well goes on as before, whatever the card comes back with."""
    board = Board(binary, os.path.join(folder, "before"))
    board.put({"hafir.ini": notepad.ORIGINAL})
    board.start("/hello/")
    board.put(case.files)
    answer = board.start("/hello/")
    if (answer.status, answer.body.decode(errors="replace").strip()) != (200, notepad.GREETING):
        yield f"with a good file before: /hello/ gives {answer.status} {answer.body[:60]!r}"


def run(binary, scratch, table, numbers=None):
    """All cases, two at a time; one row for all that hold, and one for each that does not."""
    numbered = [(number, case) for number, case in enumerate(notepad.cases(), 1) if not numbers or number in numbers]

    def one(number, case):
        folder = os.path.join(scratch, f"case{number}")
        os.makedirs(folder)
        try:
            return check(binary, folder, case)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as why:
            return [str(why)]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda pair: one(*pair), numbered))
    good = 0
    for (number, case), faults in zip(numbered, results):
        good += not faults
        if faults:
            table.add(f"{number} {case.name}", "; ".join(faults), holds=False)
    table.add("spoiled files understood", f"{good} of {len(numbered)}", "all", good == len(numbered))
