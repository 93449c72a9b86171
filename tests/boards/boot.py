"""From power on to a page, and what the gateway takes: alone, and with a class before it."""

import http.client
import re
import threading
import time

import client
from figures import Failed, expect

FIRST_PAGE = 3.0
IDLE_MOST = 16 << 20
BUSY_MOST = 32 << 20
KEPT_ALIVE = 150
ACTIVE = 30
BUSY_SECONDS = 15
SETTINGS = """\
[gateway]
name = Board under test
[metrics]
listen = 0.0.0.0:8079
[board]
time = off
[cache]
keep_free = 5 MB
[route objects]
path = /o/
upstream = http://10.0.2.2:{port}
cache.for = 30 days
"""
OBJECTS = ["/o/page/2000", "/o/picture/40000", "/o/film/400000"]
# How long the console may take to bring a line that stands in the log already.
LINE = 30


def starts(bench):
    """The card as it was made: nobody has edited anything, and the board asks nobody outside."""
    card = bench.card()
    with bench.board(card) as board:
        # The board has to get its address by then, too.
        at, _ = page(board)
        times = marks(board)
        took, used = at - times["gateway"], board.used_since(times["gateway"])
        memory = board.wait_for(r"memory: (\d+) MB, (\d+) MB available", LINE)
        bench.figure("kernel speaks", f"{times['kernel']:.1f} s after power on")
        bench.figure("init begins", f"{times['init']:.1f} s")
        bench.figure("gateway starts", f"{times['gateway']:.1f} s")
        bench.figure("first page", f"{at:.1f} s")
        bench.figure("first page after the process starts", f"{took:.1f} s, {used:.1f} s of the processor",
                     f"<= {FIRST_PAGE:.0f} s, either", min(took, used) <= FIRST_PAGE)
        if memory:
            bench.figure("memory of the board", f"{memory[1][1]} MB, {memory[1][2]} MB available")


def page(board, path="/"):
    found = client.wait_for_page(board, path)
    if not found:
        raise Failed(f"no page; the console's last words:\n{board.last_words()}")
    return found


def marks(board):
    """Seconds from power on to the kernel's first line, to init's and to the start of the gateway."""
    found = {}
    for name, pattern in (("kernel", r"Linux version"), ("init", r"hafir: \[.*kernel "),
                          ("gateway", r"hafir: \[.*the gateway starts")):
        line = board.wait_for(pattern, LINE)
        if not line:
            raise Failed(f"the console never said '{pattern}':\n{board.last_words()}")
        found[name] = line[0]
    return found


def memory(bench):
    """Resident memory of the gateway, idle and busy, as it says itself."""
    card = bench.card()
    card.put("hafir.ini", SETTINGS.format(port=bench.origin.port).encode())
    with bench.board(card, outside=True) as board:
        page(board)
        for path in OBJECTS:
            fetch(board, path)
        idle = resident(board)
        bench.figure("gateway's memory, idle", megabytes(idle), f"<= {megabytes(IDLE_MOST)}", idle <= IDLE_MOST)
        most, (answers, wrong, late), connections = busy(bench, board)
        bench.figure(f"... with {KEPT_ALIVE} kept alive and {ACTIVE} active", megabytes(most),
                     f"<= {megabytes(BUSY_MOST)}", most <= BUSY_MOST)
        bench.figure("answers meanwhile", f"{answers / BUSY_SECONDS:.0f}/s on {connections} connections, {wrong} wrong",
                     "0 wrong", wrong == 0 and connections >= KEPT_ALIVE)
        # raspi0 has its network by an emulated USB of some kilobytes a second.
        bench.figure("... cut off or late", late, "0, or on raspi0", late == 0 or bench.target == "armv6")


def fetch(board, path):
    answer = client.get(board.port, path, seconds=30)
    expect(answer and answer.status == 200 and answer.whole, f"{path} cannot be had: {answer and answer.status}")
    return answer


def resident(board):
    status = client.status(board)
    expect(status, "the status of the gateway cannot be had")
    return status["resident_bytes"]


def busy(bench, board):
    """Most memory; answers, wrong ones, and those that did not come; and connections at once."""
    kept = [keep_alive(board) for _ in range(KEPT_ALIVE)]
    until = time.monotonic() + BUSY_SECONDS
    counts = [[0, 0, 0] for _ in range(ACTIVE)]
    threads = [threading.Thread(target=read_on, args=(bench, board, count, until), daemon=True) for count in counts]
    for thread in threads:
        thread.start()
    most = connections = 0
    while time.monotonic() < until:
        status = client.status(board)
        if status:
            most = max(most, status["resident_bytes"])
            connections = max(connections, status["connections"])
        time.sleep(0.5)
    for thread in threads:
        thread.join(30)
    for connection in kept:
        connection.close()
    return most, [sum(column) for column in zip(*counts)], connections


def keep_alive(board):
    """A connection that has had one answer, and is kept open for another."""
    connection = http.client.HTTPConnection("127.0.0.1", board.port, timeout=30)
    connection.request("GET", OBJECTS[0], headers={"Host": "board.test"})
    connection.getresponse().read()
    return connection


def read_on(bench, board, count, until):
    connection = None
    turn = 0
    while time.monotonic() < until:
        path = OBJECTS[turn % len(OBJECTS)]
        turn += 1
        try:
            connection = connection or http.client.HTTPConnection("127.0.0.1", board.port, timeout=30)
            connection.request("GET", path, headers={"Host": "board.test"})
            answer = connection.getresponse()
            body = answer.read()
            count[0] += 1
            count[1] += answer.status != 200 or body != bench.origin.body(path)
        except (OSError, http.client.HTTPException) as why:
            # What came before it was cut off must be right.
            came = getattr(why, "partial", b"")
            count[2 if bench.origin.body(path).startswith(came) else 1] += 1
            connection = None


def megabytes(count):
    return re.sub(r"\.0$", "", f"{count / (1 << 20):.1f}") + " MB"
