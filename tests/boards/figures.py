"""What was measured and found, as a table."""


class Failed(Exception):
    """A test cannot go on."""


def expect(true, words):
    if not true:
        raise Failed(words)


class Table:
    """Rows of: what, how much, how much is allowed, whether it holds."""

    def __init__(self):
        self.rows = []

    def heading(self, words):
        self.rows.append((words,))

    def add(self, what, found, allowed="", holds=True):
        self.rows.append((what, str(found), allowed, holds))
        print(f"  {'' if holds else 'FAILED: '}{what}: {found}{f' ({allowed})' if allowed else ''}", flush=True)

    def holds(self):
        return all(row[3] for row in self.rows if len(row) > 1)

    def print(self):
        cells = [row for row in self.rows if len(row) > 1]
        widths = [max((len(row[at]) for row in cells), default=0) for at in range(3)]
        for row in self.rows:
            if len(row) == 1:
                print(f"\n{row[0]}")
                continue
            what, found, allowed, holds = row
            print(f"  {what:{widths[0]}}  {found:{widths[1]}}  {allowed:{widths[2]}}  {'' if holds else 'FAILED'}"
                  .rstrip())
