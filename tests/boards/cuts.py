"""The power goes while the board fills its cache and serves from it. Afterwards nothing wrong is served, what was
finished in time is still there, and the card's file systems are sound."""

import hashlib
import random
import threading
import time

import client
from boot import page
from figures import expect

CUTS = 20
READERS = 6
# The cut comes at a random moment in this span after the page, in seconds.
TRAFFIC = (3.0, 20.0)
# hafir syncs what it keeps every 5 s; the card and an emulated processor take their time, too.
LOST_AT_MOST = 12.0
# Bytes a second of each answer of the origin, so that fills are under way when the power goes.
LINK = 300_000
SETTINGS = """\
[gateway]
name = Board under test
[metrics]
listen = 0.0.0.0:8079
[cache]
size = 40 MB
keep_free = 5 MB
[board]
time = off
[wifi]
name = Kitgum
passphrase = mango tree 2026
[plan pupils]
rate = 1000/s
[route open]
path = /o/
upstream = http://10.0.2.2:{port}
cache.for = 30 days
cache.finish = always
[route keyed]
path = /k/
upstream = http://10.0.2.2:{port}
cache.for = 30 days
auth = key
"""


class Reader(threading.Thread):
    """Asks for objects, in whole and in parts, until the power goes, and looks at every byte."""

    def __init__(self, bench, board, seed, kept, filled, tally):
        super().__init__(daemon=True)
        self.bench, self.board, self.chance = bench, board, random.Random(seed)
        # When each object was kept, and what was fetched since the start.
        self.kept, self.filled = kept, filled
        self.tally = tally
        self.stop = threading.Event()

    def run(self):
        while not self.stop.is_set():
            self.ask()

    def ask(self):
        path = an_object(self.chance)
        body = self.bench.origin.body(path)
        fields, wanted = {}, body
        if self.chance.random() < 0.3:
            first = self.chance.randrange(len(body))
            last = min(first + self.chance.randrange(1, 200_000), len(body) - 1)
            fields, wanted = {"Range": f"bytes={first}-{last}"}, body[first:last + 1]
        answer = client.get(self.board.port, path, fields, seconds=20)
        if answer is None or answer.status >= 500:
            return
        self.tally.add(path, answer, body if answer.status == 200 else wanted)
        if answer.whole and answer.status == 200:
            self.remember(path, "hit" in answer.cache())

    def remember(self, path, is_hit):
        """An answer is kept since it came; one that nobody has asked for since the start, and is a hit, since before."""
        if not is_hit:
            self.filled.add(path)
        self.kept.setdefault(path, time.monotonic() if path in self.filled else 0.0)


class Tally:
    """What was served, over all cuts."""

    def __init__(self):
        self.answers = self.bytes = self.hits = self.pieces = 0
        self.wrong = []
        self.lock = threading.Lock()

    def add(self, path, answer, wanted):
        with self.lock:
            self.answers += 1
            self.bytes += len(answer.body)
            self.hits += "hit" in answer.cache()
            self.pieces += not answer.whole
            # An answer that was cut off has to be right as far as it came.
            right = answer.body == wanted if answer.whole else wanted.startswith(answer.body)
            if answer.status not in (200, 206) or not right:
                self.wrong.append(f"{path}: {answer.status}, {len(answer.body)} bytes")


def an_object(chance):
    """Few are asked for often, as in a school; most are small."""
    number = int(60 * chance.random() ** 2)
    size = random.Random(number).choice([1_000, 8_000, 30_000, 30_000, 120_000, 400_000, 1_500_000])
    return f"/o/{number}/{size + number}"


def survives(bench):
    card = bench.card()
    card.put("hafir.ini", SETTINGS.format(port=bench.origin.port).replace("\n", "\r\n").encode())
    key = bench.make_key(card)
    firm = {name: digest(card, name) for name in card.names() if firmly(name)}
    bench.origin.rate = LINK
    count = bench.arguments.count or CUTS
    tally, kept, chance = Tally(), {}, random.Random(bench.arguments.seed)
    lost, kept_before, boots, began = 0, 0, [], time.monotonic()
    for number in range(1, count + 1):
        with bench.board(card, outside=True) as board:
            boots.append(page(board, "/o/0/1000")[0] if number == 1 else first_answer(board))
            expect(not board.seen("data partition cannot be used"), "the data partition was given up")
            lost_now, before = what_is_left(bench, board, kept, tally)
            lost, kept_before = lost + lost_now, kept_before + before
            check_key(bench, board, key)
            traffic(bench, board, number, kept, tally, chance.uniform(*TRAFFIC))
            cut_at = time.monotonic()
        for path in [path for path, at in kept.items() if at > cut_at - LOST_AT_MOST]:
            # Too young to be promised; it may be there or not.
            del kept[path]
        problems = card.fat_problems(bench.path("fat"))
        expect(not problems, f"after cut {number} the first partition is damaged: {problems}")
        check_firm(card, firm)
        print(f"   cut {number}: page after {boots[-1]:.1f} s, {before - lost_now} of {before} kept,"
              f" {len(tally.wrong)} wrong", flush=True)
    code, left, _ = card.data_after_replay(bench.path("data"))
    bench.figure("power cuts during fills and traffic", count)
    bench.figure("seconds a cut", f"{(time.monotonic() - began) / count:.0f} s")
    bench.figure("first page after a cut", f"{min(boots):.1f} to {max(boots):.1f} s after power on")
    bench.figure("answers looked at", f"{tally.answers}, {tally.hits} of them hits, {tally.bytes >> 20} MB")
    bench.figure("wrong answers", len(tally.wrong), "0", not tally.wrong)
    for line in tally.wrong[:5]:
        bench.figure("wrong", line, holds=False)
    bench.figure("answers that the cuts left unfinished", tally.pieces)
    bench.figure(f"lost of those finished {LOST_AT_MOST:.0f} s before", f"{lost} of {kept_before}", "0", lost == 0)
    bench.figure("first partition after each cut", "sound")
    bench.figure("data partition at the end", f"e2fsck {code}", "0 or 1", code in (0, 1) and not left)


def first_answer(board):
    """Any answer counts: the origin is off."""
    found = client.wait_for_page(board, "/")
    expect(found, f"no page after a cut; the console's last words:\n{board.last_words()}")
    return found[0]


def what_is_left(bench, board, kept, tally):
    """With the origin off, everything that was finished in time is there, and right. Gives lost and all."""
    bench.origin.alive = False
    lost = []
    for path in list(kept):
        answer = client.get(board.port, path, seconds=20)
        if answer is None or answer.status >= 500:
            lost.append(path)
        else:
            tally.add(path, answer, bench.origin.body(path))
            if not answer.whole:
                lost.append(path)
    bench.origin.alive = True
    for path in lost:
        print(f"   lost: {path}", flush=True)
        kept.pop(path)
    return len(lost), len(lost) + len(kept)


def traffic(bench, board, number, kept, tally, seconds):
    filled = set()
    readers = [Reader(bench, board, f"{number} {index}", kept, filled, tally) for index in range(READERS)]
    for reader in readers:
        reader.start()
    time.sleep(seconds)
    # The readers are not told before: what they hold when the power goes is looked at, too.
    board.cut()
    for reader in readers:
        reader.stop.set()
    for reader in readers:
        reader.join(30)


def check_key(bench, board, key):
    """A key that was made before the first start lets in, and nobody gets in without."""
    if not key:
        return
    with_key = client.get(board.port, "/k/page/500", {"X-API-Key": key}, seconds=20)
    expect(with_key and with_key.status == 200, f"the key is not valid any more: {with_key and with_key.status}")
    without = client.get(board.port, "/k/page/500", seconds=20)
    expect(without and without.status == 401, f"without a key: {without and without.status}")


def firmly(name):
    """Whether a file of the first partition is never to change."""
    return not name.lower().startswith("hafir")


def digest(card, name):
    return hashlib.sha256(card.get(name) or b"").hexdigest()


def check_firm(card, firm):
    for name, right in firm.items():
        expect(digest(card, name) == right, f"{name} has changed on the card")
    settings = card.get("hafir.ini") or b""
    expect(b"[route keyed]" in settings and settings.count(b"\n") == SETTINGS.count("\n"), "hafir.ini is spoiled")
