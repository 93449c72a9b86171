"""Spoiled files on the first partition of an emulated board: it serves, and writes what is wrong beside the file."""

import concurrent.futures
import os
import time

import client
import notepad
from figures import Failed
from notepad_host import check_page, check_status

# One of each kind of damage.
SAMPLE = [1, 9, 17, 34, 41, 64, 71, 77, 93, 112, 145, 157]
# The first status is written soon after the start; the second comes when the network is there.
STATUS = 60
AT_ONCE = 2


def understands(bench):
    cases = notepad.cases()
    numbers = [number for number in bench.arguments.cases or SAMPLE if number <= len(cases)]
    done = Done(bench)
    wanted = [number for number in numbers if number not in done.good]
    if len(wanted) < len(numbers):
        print(f"   {len(numbers) - len(wanted)} were right in an earlier run", flush=True)

    def one(number):
        began = time.monotonic()
        case = cases[number - 1]
        try:
            faults = check(bench, number, case)
        except (Failed, RuntimeError, AssertionError) as why:
            faults = [str(why)]
        if not faults:
            done.add(number)
        print(f"   {number} {case.name}: {'; '.join(faults) or 'right'} ({time.monotonic() - began:.0f} s)", flush=True)
        return faults

    with concurrent.futures.ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)) as pool:
        results = list(pool.map(one, wanted))
    for number, faults in zip(wanted, results):
        if faults:
            bench.figure(f"{number} {cases[number - 1].name}", "; ".join(faults), holds=False)
    good = len(numbers) - sum(map(bool, results))
    bench.figure("spoiled files understood", f"{good} of {len(numbers)}", "all", good == len(numbers))


class Done:
    """The numbers that were right, in a file with --keep, so that a long run can go on where it was stopped."""

    def __init__(self, bench):
        self.path = bench.path("notepad-right.txt")
        self.good = set()
        if os.path.exists(self.path):
            with open(self.path, encoding="ascii") as file:
                self.good = {int(line) for line in file}

    def add(self, number):
        with open(self.path, "a", encoding="ascii") as file:
            file.write(f"{number}\n")


def check(bench, number, case):
    card = bench.card()
    card.remove("hafir.ini")
    for name, content in case.files.items():
        card.make_folder(name) if content is None else card.put(name, content)
    shipped = card.get("hafir-status.txt")
    with bench.board(card, log=f"console-{number}.log") as board:
        faults = list(check_page(case, lambda path: wait_for(board, path)))
        status = wait_for_status(board, card, shipped)
    faults += check_status(case, status) if status else ["no status was written"]
    faults += [f"the first partition: {line}" for line in card.fat_problems(bench.path(f"fat{number}"))]
    bench.drop(card)
    return faults


def wait_for(board, path):
    give_up = time.monotonic() + board.model.patience
    while time.monotonic() < give_up and board.is_on():
        if answer := client.get(board.port, path, seconds=5):
            return answer
        time.sleep(0.2)
    raise Failed(f"no page; the console's last words:\n{board.last_words()}")


def wait_for_status(board, card, shipped):
    """What stands on the card once the board has written it."""
    give_up = time.monotonic() + STATUS
    while time.monotonic() < give_up and board.is_on():
        status = card.get("hafir-status.txt")
        if status and status != shipped:
            # It is written as a whole and then put in its place; mtools may have looked in between.
            time.sleep(1)
            return card.get("hafir-status.txt")
        time.sleep(0.5)
    return None
