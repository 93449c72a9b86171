"""What the board keeps, and gives: the right bytes, once over the link, whole and in parts."""

import time

import client
from boot import SETTINGS, page
from figures import expect

FILM = "/o/film/3000000"
# Enough for several chunks of a stored answer, so that a part is kept without the rest.
PART = (1_000_000, 1_499_999)
# Seconds until a part that has come is kept.
PATIENCE = 20


def keeps(bench):
    card = bench.card()
    card.put("hafir.ini", SETTINGS.format(port=bench.origin.port).encode())
    origin = bench.origin
    with bench.board(card, outside=True) as board:
        page(board)
        for path in ("/o/page/2000", "/o/picture/40000"):
            first, second = client.get(board.port, path), client.get(board.port, path)
            for answer in (first, second):
                expect(answer and answer.status == 200, f"{path} gives {answer and answer.status}")
                expect(answer.body == origin.body(path), f"{path}: wrong bytes")
            bench.figure(f"{path}, first and then", f"{word(first)}, {word(second)}", "miss, hit",
                         (word(first), word(second)) == ("miss", "hit"))
        ranges(bench, board)
        seek(bench, board)


def word(answer):
    return "hit" if "hit" in answer.cache() else "miss" if "fwd=" in answer.cache() else answer.cache()


def ranges(bench, board):
    """Parts of what is whole on the card."""
    path, origin = "/o/picture/40000", bench.origin
    asked = origin.requests
    right = True
    for first, last in ((0, 0), (10_000, 19_999), (39_999, 39_999)):
        answer = client.get(board.port, path, {"Range": f"bytes={first}-{last}"})
        right &= bool(answer) and answer.status == 206 and answer.body == origin.body(path)[first:last + 1]
    bench.figure("ranges of a stored answer", "right" if right else "wrong", "", right)
    bench.figure("... asked of the origin", origin.requests - asked, "0", origin.requests == asked)


def seek(bench, board):
    """A part of a film that is not there yet; then the film, for which that part is not fetched again."""
    origin = bench.origin
    first, last = PART
    right = True
    # In the moment between its last byte and its place on the card, a part would be fetched again.
    for _ in range(PATIENCE):
        answer = client.get(board.port, FILM, {"Range": f"bytes={first}-{last}"}, seconds=60)
        right &= bool(answer) and answer.status == 206 and answer.body == origin.body(FILM)[first:last + 1]
        if not right or word(answer) == "hit":
            break
        time.sleep(1)
    bench.figure("a part of a film", "right" if right else "wrong", "", right)
    bench.figure("... asked again", word(answer), "hit", word(answer) == "hit")
    before = origin.bytes
    answer = client.get(board.port, FILM, seconds=120)
    right = bool(answer) and answer.whole and answer.body == origin.body(FILM)
    bench.figure("the film after it", "right" if right else "wrong", "", right)
    rest = len(origin.body(FILM)) - (last + 1 - first)
    fetched = origin.bytes - before
    bench.figure("bytes over the link for the rest of it", f"{fetched:,} of {rest:,}", "<= 105 %",
                 fetched <= rest * 1.05)
