"""More than 200 ways in which people, editors and cards spoil hafir.ini, and what the board is to make of each.

What is expected is worked out here, by hand or by `judge`, a small second opinion on the language that knows the keys of
one file; never taken from what hafir says. The same number is always the same file.
"""

import random
import re

PASSPHRASE = "mango tree 2026"
GREETING = "Hello from the board"
FILE = """\
; Kitgum Primary School: what our board does.
[gateway]
name      = Kitgum Primary School
languages = en, sw
country   = UG
memory    = 64 MB

[cache]
size      = 40 MB
keep_free = 10 MB

[wifi]
name       = Kitgum
passphrase = mango tree 2026
channel    = 6

[board]
hostname = kitgum
time     = off

; The page that everybody sees first.
[route hello]
path    = /hello/
respond = 200 Hello from the board

[route wiki]
path      = /wiki/
upstream  = http://192.0.2.7:8090
cache.for = 7 days

[portal]
probes = pretend-online
"""
LINES = FILE.splitlines()

SIZE = (r"\d+ (bytes|KB|MB|GB|TB)", "MB")
KINDS = ("gateway limits timeouts tls cache log metrics link audit plan jwt user portal wifi board route").split()
# The keys that the file above uses: what is right, and a word of what is told where it is wrong.
KEYS = {
    "gateway": {"name": (r".+", ""), "languages": (r"[a-z]{2}(,( sw)?)?", "language"), "country": (r"[A-Z]{2}", "letters"),
                "memory": SIZE},
    "cache": {"size": SIZE, "keep_free": SIZE},
    "wifi": {"name": (r".{1,32}", ""), "passphrase": (r"[ -~]{8,63}", "8 to 63"), "channel": (r"[1-9]|1[0-3]|auto", "auto")},
    "board": {"hostname": (r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "hyphens"), "time": (r"off", "")},
    "route": {"path": (r"/.*", "/"), "respond": (r"[2-5]\d\d( .*)?", "status"),
              "upstream": (r"http://192\.0\.2\.7(:\d{1,5})?", "http"), "cache.for": (r"\d+ (d|h|s|ms|min|days|weeks)", "days")},
    "portal": {"probes": (r"pretend-online|portal|off", "portal")},
}
# These may be repeated.
LISTS = ("path", "languages", "upstream")
WHOLE_FILE = 0


class Case:
    """One card as it comes back from somebody's computer."""

    def __init__(self, name, files, means="same", problems=(), also=()):
        # What went wrong, in words for whoever reads a failure.
        self.name = name
        # File name → bytes, or None for a folder.
        self.files = files
        # same: all is as in FILE; wrong: `problems` are to be told; other: in order, and says something else or nothing.
        self.means = means
        # (line, words that stand with it); WHOLE_FILE where no line is to blame.
        self.problems = list(problems)
        # Lines that may be blamed as well.
        self.also = set(also)


# --- a second opinion ---------------------------------------------------------------------------------------------------


def judge(lines):
    """The problems of lines that come from FILE, and the further lines that may be blamed."""
    problems, also, sections = [], set(), {}
    section = None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text[0] in ";#":
            continue
        if text[0] == "[":
            section = Section(number, text.strip("[]"))
            problems += section.problems(text, sections)
            sections.setdefault(section.title, section)
        else:
            judge_entry(number, text, section, problems, also)
    for section in sections.values():
        problems += section.missing()
        also.update(section.keys[key] for key in section.destinations())
    if "wifi" in sections and "country" not in getattr(sections.get("gateway"), "keys", {}):
        # That a Wi-Fi without a country is weak may be told.
        also.add(sections["wifi"].line)
    return problems, also


class Section:
    """A head, and the lines of its keys."""

    def __init__(self, line, title):
        self.line, self.title = line, " ".join(title.split())
        self.kind = self.title.split(" ")[0]
        self.keys = {}
        self.is_second = False

    def problems(self, text, sections):
        if not text.endswith("]"):
            yield self.line, ["]"]
        if self.kind not in KINDS:
            yield self.line, [self.kind]
        elif self.kind == "route" and self.title == "route":
            yield self.line, ["name"]
        if self.title in sections:
            self.is_second = True
            yield self.line, [self.title.split(" ")[-1], str(sections[self.title].line)]

    def missing(self):
        if self.kind == "route" and self.title != "route":
            destinations = self.destinations()
            if not destinations:
                yield self.line, ["destination"]
            if len(destinations) > 1:
                yield self.keys[destinations[1]], destinations
        if self.kind == "wifi" and "passphrase" in self.keys and "name" not in self.keys:
            yield self.keys["passphrase"], ["name"]

    def destinations(self):
        return [key for key in self.keys if key in ("respond", "upstream")]


def judge_entry(number, text, section, problems, also):
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        problems.append((number, [text.split(" ")[0][:8], "="]))
        if section:
            section.keys.setdefault(key.split(" ")[0], number)
        return
    if section is None:
        problems.append((number, [key]))
        return
    if section.is_second or section.kind not in KINDS or section.title == "route":
        also.add(number)
        return
    rule = KEYS.get(section.kind, {}).get(key)
    first = section.keys.setdefault(key, number)
    if rule is None:
        problems.append((number, [key]))
    elif first != number and key not in LISTS:
        problems.append((number, [key, str(first)]))
    elif not re.fullmatch(rule[0], value):
        problems.append((number, [key, rule[1]]))


def judged(name, lines, encode=None, file="hafir.ini"):
    """The case of lines that may be right or wrong."""
    lines = list(lines)
    problems, also = judge(lines)
    same = [line for line in lines if line.strip() and line[0] != ";"] == \
        [line for line in LINES if line.strip() and line[0] != ";"]
    means = "wrong" if problems else "same" if same else "other"
    return Case(name, {file: (encode or crlf)(lines)}, means, problems, also)


# --- writing --------------------------------------------------------------------------------------------------------------


def crlf(lines):
    return "".join(line + "\r\n" for line in lines).encode()


ORIGINAL = crlf(LINES)


def line_of(start, after="["):
    """The number of the first line that begins so, behind the first that begins with `after`."""
    begin = next(at for at, line in enumerate(LINES) if line.startswith(after))
    return next(at + 1 for at in range(begin, len(LINES)) if LINES[at].startswith(start))


def with_line(number, text):
    return LINES[:number - 1] + [text] + LINES[number:]


def changed(name, number, text, *words, also=()):
    """One line is another, and wrong: `words` are told with it."""
    return Case(name, {"hafir.ini": crlf(with_line(number, text))}, "wrong", [(number, list(words))], also)


def meant(name, text, **more):
    """A text that means what FILE means."""
    return Case(name, {"hafir.ini": text if isinstance(text, bytes) else text.encode()}, **more)


# --- the families ---------------------------------------------------------------------------------------------------------


def encodings():
    """What 'Save as' offers."""
    text = {"CRLF": FILE.replace("\n", "\r\n"), "LF": FILE, "CR": FILE.replace("\n", "\r"),
            "CRLF and LF mixed": FILE.replace("\n", "\r\n", 9)}
    codes = {"UTF-8": ("utf-8", b""), "UTF-8 with BOM": ("utf-8", b"\xEF\xBB\xBF"),
             "UTF-16 LE with BOM": ("utf-16-le", b"\xFF\xFE"), "UTF-16 BE with BOM": ("utf-16-be", b"\xFE\xFF")}
    for code, (name, mark) in codes.items():
        for ends, words in text.items():
            yield meant(f"{code}, {ends}", mark + words.encode(name))
    for name in ("utf-16-le", "utf-16-be"):
        for ends in ("CRLF", "LF"):
            yield Case(f"{name} without BOM, {ends}", {"hafir.ini": text[ends].encode(name)}, "wrong",
                       [(WHOLE_FILE, ["UTF-8"])])
    yield meant("UTF-16 LE, the last byte is missing", b"\xFF\xFE" + (text["CRLF"] + "\r\n;.").encode("utf-16-le")[:-1])
    yield meant("UTF-16 BE, Mac's lines", b"\xFE\xFF" + text["CR"].encode("utf-16-be"))
    umlaut = text["CRLF"].replace("Kitgum Primary School\r\nlang", "École Primaire\r\nlang")
    yield meant("an accent in UTF-8", umlaut, means="other")
    yield meant("an accent in UTF-16", b"\xFF\xFE" + umlaut.encode("utf-16-le"), means="other")
    yield Case("an accent in Windows-1252", {"hafir.ini": umlaut.encode("cp1252")}, "wrong", [(3, ["name", "UTF-8"])])
    yield Case("smart quotes in Windows-1252",
               {"hafir.ini": text["CRLF"].replace("200 Hello", "200 “Hello”").encode("cp1252")}, "wrong",
               [(line_of("respond"), ["respond", "UTF-8"])])
    yield meant("Windows-1252 in a comment", text["CRLF"].replace("; The page", "; La première page").encode("cp1252"))


def blanks_and_quotes():
    """What word processors, mails and phones do to a text, which nobody sees."""
    text = FILE.replace("\n", "\r\n")
    yield meant("smart double quotes", text.replace("Kitgum Primary School\r\nl", "“Kitgum Primary School”\r\nl"))
    yield meant("smart single quotes", text.replace("= kitgum", "= ‘kitgum’"))
    yield meant("German quotes", text.replace("64 MB", "„64 MB“"))
    yield meant("French quotes", text.replace("= /hello/", "= «/hello/»"))
    yield meant("plain quotes", text.replace("mango tree 2026", '"mango tree 2026"'))
    yield meant("quotes of two shapes", text.replace("= UG", "= “UG\""))
    yield meant("smart quotes around a secret", text.replace("mango tree 2026", "“mango tree 2026”"))
    yield meant("no-break space before the =", text.replace(" =", "\u00A0="))
    yield meant("no-break space behind the =", text.replace("= ", "=\u00A0"))
    yield meant("no-break space in a size", text.replace("64 MB", "64\u00A0MB"))
    yield meant("narrow no-break space in a size", text.replace("40 MB", "40\u202FMB"))
    yield meant("no-break space before everything", "".join(f"\u00A0{line}\r\n" for line in LINES))
    yield meant("tabs for blanks", re.sub(" +=", "\t=\t", text))
    yield meant("tabs before everything", "".join(f"\t{line}\r\n" for line in LINES))
    yield meant("blanks behind everything", "".join(f"{line}   \r\n" for line in LINES))
    yield meant("no blanks around =", re.sub(" *= *", "=", text))
    yield meant("zero-width spaces", text.replace("= kitgum", "= \u200Bkitgum\u200B"))
    yield meant("a BOM inside", text.replace("[gateway]", "\uFEFF[gateway]"))
    yield meant("direction marks of a phone", text.replace("= Kitgum", "= \u200EKitgum\u200E"))
    yield meant("no end of the last line", text.rstrip())
    yield meant("DOS's end of file", text + "\x1A")
    yield meant("zeros behind the end, one cluster", text.encode() + bytes(2048 - len(text) % 2048))
    yield meant("zeros behind the end, a megabyte less", text.encode() + bytes(1 << 19))
    yield meant("empty lines everywhere", text.replace("\r\n", "\r\n\r\n"))
    yield meant("comments behind values", text.replace("64 MB", "64 MB   ; enough").replace("= UG", "= UG # Uganda"))
    yield meant("a comment behind a head", text.replace("[cache]", "[cache] ; the card"))
    yield meant("sections in capitals", text.replace("[gateway]", "[GATEWAY]").replace("[route h", "[Route h"))
    yield meant("keys in capitals", text.replace("name  ", "Name  ").replace("path  ", "PATH  "))
    yield meant("units in small letters", text.replace("64 MB", "64 mb").replace("7 days", "7 Days"))
    yield meant("blanks inside a head", text.replace("[gateway]", "[ gateway ]").replace("[route hello]", "[route  hello ]"))
    yield Case("an = from another keyboard", {"hafir.ini": text.replace("country   =", "country   ＝").encode()}, "wrong",
               [(5, ["country", "="])])
    yield Case("an opening quote alone stays a letter", {"hafir.ini": text.replace("= kitgum", "= “kitgum").encode()},
               "wrong", [(line_of("hostname"), ["hostname", "hyphens"])])


def names():
    """Under which name it is saved."""
    for name in ("HAFIR.INI", "Hafir.ini", "hafir.ini.txt", "hafir.txt", "hafir (1).ini", "hafir.ini.ini", "hafir.conf",
                 "HAFIR.INI.TXT", "hafir - Copy.ini", "hafir (2).ini.txt"):
        yield Case(f"saved as {name}", {name: ORIGINAL})
    broken = crlf(with_line(5, "county = UG"))
    yield Case("a broken hafir.txt", {"hafir.txt": broken}, "wrong", [(5, ["county", "country"])])
    yield Case("hafir.ini and a broken hafir.ini.txt", {"hafir.ini": ORIGINAL, "hafir.ini.txt": broken})
    yield Case("hafir.ini and a broken copy", {"hafir.ini": ORIGINAL, "hafir (1).ini": broken})
    yield Case("hafir.ini and what a Mac leaves", {"hafir.ini": ORIGINAL, "._hafir.ini": b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(4000)})
    yield Case("hafir.ini.txt and what a Mac leaves", {"hafir.ini.txt": ORIGINAL, "._hafir.ini.txt": bytes(4096)})
    yield Case("hafir.ini and an editor's leftovers", {"hafir.ini": ORIGINAL, ".hafir.ini.swp": bytes(4096),
                                                       "hafir.ini~": broken, "~$hafir.ini": bytes(162)})
    yield Case("a folder hafir.ini, and hafir.ini.txt", {"hafir.ini": None, "hafir.ini.txt": ORIGINAL})
    gone = [(WHOLE_FILE, ["hafir.ini"])]
    yield Case("no file", {}, "wrong", gone)
    yield Case("a folder hafir.ini", {"hafir.ini": None}, "wrong", gone)
    yield Case("only what a Mac leaves", {"._hafir.ini": b"\0\5\x16\7" + bytes(4092)}, "wrong", gone)
    yield Case("a Word document instead", {"hafir.docx": b"PK\3\4" + bytes(9000)}, "wrong", gone)


def truncations():
    """The card was pulled out while it was written."""
    chance = random.Random("truncations")
    for at in sorted(chance.sample(range(60, len(ORIGINAL) - 1), 30)):
        text = ORIGINAL[:at].decode().replace("\r\n", "\n").rstrip("\r")
        case = judged(f"cut off at byte {at}", text.split("\n"))
        case.files = {"hafir.ini": ORIGINAL[:at]}
        # Where the last value is cut off in the middle, what is left may be right by chance.
        yield case


def damage():
    """What a power cut or a broken card leaves."""
    gone = [(WHOLE_FILE, ["empty"])]
    yield Case("empty", {"hafir.ini": b""}, "wrong", gone)
    yield Case("zeros, a cluster", {"hafir.ini": bytes(2048)}, "wrong", gone)
    yield Case("zeros, as long as the file", {"hafir.ini": bytes(len(ORIGINAL))}, "wrong", gone)
    yield Case("zeros, a megabyte", {"hafir.ini": bytes(1 << 20)}, "wrong", gone)
    yield Case("blanks", {"hafir.ini": b" \r\n\t\r\n" * 40}, "wrong", gone)
    yield Case("a BOM alone", {"hafir.ini": b"\xEF\xBB\xBF"}, "wrong", gone)
    yield Case("the BOM of UTF-16 alone", {"hafir.ini": b"\xFF\xFE"}, "wrong", gone)
    chance = random.Random("damage")
    for size, words in ((1 << 10, "1 KB"), (64 << 10, "64 KB"), (1 << 20, "1 MB"), (3 << 20, "3 MB")):
        yield Case(f"junk, {words}", {"hafir.ini": chance.randbytes(size)}, "wrong", [(None, [])])
    yield Case("the file and a megabyte of junk", {"hafir.ini": ORIGINAL + chance.randbytes(1 << 20)}, "wrong",
               [(WHOLE_FILE, ["1 MB"])])
    hole = LINES.index("[wifi]")
    yield Case("a sector of zeros in the middle", {"hafir.ini": ORIGINAL[:256] + bytes(128) + ORIGINAL[384:]}, "wrong",
               [(None, ["control character"])])
    yield Case("a sector of a photo in the middle",
               {"hafir.ini": crlf(LINES[:hole]) + b"\xFF\xD8\xFF\xE0" + chance.randbytes(508) + crlf(LINES[hole:])},
               "wrong", [(None, [])])
    first_lines = [("the file twice", LINES + LINES), ("the file and its first half", LINES + LINES[:16])]
    for name, lines in first_lines:
        yield judged(name, lines)
    rich = "{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Calibri;}}\\f0\\fs22 " + "".join(f"{line}\\par\r\n" for line in LINES) + "}"
    yield Case("rich text", {"hafir.ini": rich.encode()}, "wrong", [(WHOLE_FILE, ["plain text"])])
    page = "<!DOCTYPE html>\r\n<html><body>\r\n" + "".join(f"{line}<br>\r\n" for line in LINES) + "</body></html>\r\n"
    yield Case("a web page", {"hafir.ini": page.encode()}, "wrong", [(WHOLE_FILE, ["plain text"])])
    yield Case("a Word document", {"hafir.ini": b"PK\3\4\x14\0\6\0" + chance.randbytes(9000)}, "wrong",
               [(WHOLE_FILE, ["plain text"])])


def typos():
    """Keys, heads and values that are nearly right."""
    def key(number, wrong, right, also=()):
        line = LINES[number - 1]
        return changed(f"{wrong} for {right}", number, wrong + line[len(right):], wrong, right, also=also)

    hello, wiki = line_of("[route hello"), line_of("[route wiki")
    yield key(3, "nmae", "name")
    yield key(4, "langauges", "languages")
    yield key(4, "language", "languages")
    yield key(5, "contry", "country")
    yield key(6, "memmory", "memory")
    yield key(9, "sise", "size")
    yield key(10, "keepfree", "keep_free")
    yield key(10, "keep-free", "keep_free")
    yield key(line_of("passphrase"), "pasphrase", "passphrase")
    yield key(line_of("passphrase"), "passfrase", "passphrase")
    yield key(line_of("channel"), "chanel", "channel")
    yield key(line_of("hostname"), "hostnam", "hostname")
    yield key(line_of("hostname"), "host_name", "hostname")
    yield key(line_of("path"), "pth", "path", also=[hello])
    yield key(line_of("respond"), "respnod", "respond", also=[hello])
    yield key(line_of("upstream"), "uptream", "upstream", also=[wiki])
    yield key(line_of("upstream"), "upsteram", "upstream", also=[wiki])
    yield key(line_of("cache.for"), "cache_for", "cache.for")
    yield key(line_of("probes"), "probe", "probes")
    for wrong, right in (("[gatway]", "gateway"), ("[cashe]", "cache"), ("[wiffi]", "wifi"), ("[wi-fi]", "wifi"),
                         ("[bord]", "board"), ("[rout hello]", "route"), ("[potal]", "portal")):
        number = line_of(f"[{right}")
        body = range(number + 1, next((n for n in range(number, len(LINES)) if LINES[n][:1] == "["), len(LINES)) + 1)
        yield changed(f"{wrong} for [{right}]", number, wrong, wrong.strip("[]").split()[0], right, also=body)


def values():
    """Values that cannot be meant, and what could."""
    def value(key, wrong, *words, after="[", also=()):
        number = line_of(key, after)
        return changed(f"{key} = {wrong}", number, f"{key} = {wrong}", key, *words, also=also)

    yield value("memory", "64", "MB")
    yield value("memory", "64 Mbit", "MB")
    yield value("memory", "sixty", "MB")
    yield value("size", "40 megabytes", "MB")
    yield value("size", "40 Gb/s", "MB")
    yield value("size", "-40 MB", "MB")
    yield value("keep_free", "10", "MB")
    yield value("country", "Uganda", "letters")
    yield value("country", "U", "letters")
    yield value("languages", "english, swahili", "language")
    yield value("channel", "99", "auto")
    yield value("channel", "six", "auto")
    yield value("passphrase", "mango", "8 to 63")
    yield value("passphrase", "mängo tree", "8 to 63")
    yield value("hostname", "kitgum school", "hyphens")
    yield value("hostname", "kitgum_school", "hyphens")
    yield value("path", "hello", "/")
    yield value("respond", "Hello from the board", "status")
    yield value("respond", "2000 Hello", "status")
    yield value("upstream", "htp://192.0.2.7", "http")
    yield value("upstream", "http:/192.0.2.7", "http")
    yield value("upstream", "http://192.0.2.7:80901", "http")
    yield value("cache.for", "7", "days")
    yield value("cache.for", "a week", "days")
    yield value("probes", "pretend", "pretend-online")
    yield value("probes", "on", "portal")
    yield value("memory", "", "MB")
    yield value("upstream", "", "http", also=[line_of("[route wiki")])


def shapes():
    """Lines that have lost their shape."""
    for number in (3, 9, line_of("hostname"), line_of("respond")):
        line = LINES[number - 1]
        word = line.split()[0]
        yield changed(f"{word}: for {word} =", number, line.replace(" =", ":"), word, "=", also=[line_of("[route hello")])
    for number in (5, line_of("channel"), line_of("path")):
        word = LINES[number - 1].split()[0]
        yield changed(f"{word} without =", number, LINES[number - 1].replace("=", " "), word, "=",
                      also=[line_of("[route hello")])
    for head in ("[gateway", "[wifi", "[route hello"):
        yield changed(f"{head} without ]", line_of(head), head, "]")
    yield changed("wifi] without [", line_of("[wifi"), "wifi]", "wifi]", "=", also=range(line_of("[wifi"), line_of("[board")))
    yield judged("everything is a comment", [f"; {line}" for line in LINES])


def lines_lost():
    """Each line deleted, then some written twice."""
    for number, line in enumerate(LINES, 1):
        if line and line[0] != ";":
            yield judged(f"line {number} is missing: {line}", LINES[:number - 1] + LINES[number:])
    for number in (3, 9, line_of("path"), line_of("[board")):
        yield judged(f"line {number} stands twice: {LINES[number - 1]}", LINES[:number] + LINES[number - 1:])


FAMILIES = (encodings, blanks_and_quotes, names, truncations, damage, typos, values, shapes, lines_lost)


def cases():
    return [case for family in FAMILIES for case in family()]


if __name__ == "__main__":
    for index, case in enumerate(cases(), 1):
        print(f"{index:3} {case.means:5} {case.name}: {case.problems}")
