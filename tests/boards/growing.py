"""A card that is larger than its image: the data partition grows at the first start, whenever the power goes meanwhile."""

import time

from boot import page
from figures import expect

CARD = 1 << 30
# What is left free at the end of the card at most, and at the end of the partition.
SLACK = 16 << 20
# Seconds for the growing itself, once there is a page.
PATIENCE = 60
GROWS = r"the data partition grows"
# Seconds from power on, or from the moment when the partition table is written.
CUTS = [("as init begins", r"hafir: \[.*kernel ", 0.0), ("as it grows", GROWS, 0.0), ("soon after", GROWS, 0.3),
        ("a second after", GROWS, 1.0), ("two seconds after", GROWS, 2.0), ("as the gateway starts", r"the gateway starts", 0.0),
        ("a second after that", r"the gateway starts", 1.0)]


def grows(bench):
    """Without a cut, then with one at each moment, on a fresh card each."""
    whole_at = until_grown(bench, bench.card(CARD))
    bench.figure("grown to 1 GB", f"{whole_at:.1f} s after power on")
    cuts = CUTS[:bench.arguments.count] if bench.arguments.count else CUTS
    good = 0
    for name, pattern, later in cuts:
        card = bench.card(CARD)
        with bench.board(card) as board:
            expect(board.wait_for(pattern, board.model.patience), f"the console never said '{pattern}'")
            time.sleep(later)
        problems = card.fat_problems(bench.path("fat"))
        until_grown(bench, card)
        good += not problems
        if problems:
            bench.figure(f"cut {name}", problems, holds=False)
        bench.drop(card)
    bench.figure("cuts while it grows, then whole", f"{good} of {len(cuts)}", "all", good == len(cuts))


def until_grown(bench, card):
    """Boots until the data partition fills the card; gives the seconds from power on."""
    with bench.board(card) as board:
        page(board)
        expect(not board.seen("data partition cannot be used"), "the data partition was given up")
        grown = board.wait_for(r"The filesystem on .* is now|Nothing to do", PATIENCE)
        expect(grown, f"it never said that it has grown:\n{board.last_words()}")
    first, length = card.partition(2)
    expect(first + length >= card.size() - SLACK, f"the partition ends at {(first + length) >> 20} MB")
    code, problems, size = card.data_after_replay(bench.path("data"))
    expect(code in (0, 1) and not problems, f"the data partition is not sound: {code} {problems}")
    expect(size >= length - SLACK, f"the file system has {size >> 20} of {length >> 20} MB")
    return grown[0]
