"""A card as a file: its partitions, and the files on the first one. Nothing is mounted; mtools, dosfstools and e2fsprogs
read and write the image."""

import os
import shutil
import struct
import subprocess

SECTOR = 512
# Where the partition table begins in the first sector, and how long an entry is.
TABLE, ENTRY = 446, 16
# The copies of a partition are read in pieces of this size; holes stay holes.
PIECE = 1 << 20

os.environ["PATH"] += ":/usr/sbin:/sbin"
# The partition's size on the card and in its own head differ from what mtools thinks a floppy has.
ENVIRONMENT = dict(os.environ, MTOOLS_SKIP_CHECK="1", LC_ALL="C")


class Card:
    """An image file."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def copy(cls, image, path, size=None):
        """A card of its own for one test, as large as `size` bytes."""
        subprocess.run(["cp", "--sparse=always", image, path], check=True)
        if size:
            os.truncate(path, size)
        return cls(path)

    def partition(self, number):
        """First byte and length of a partition."""
        with open(self.path, "rb") as image:
            table = image.read(SECTOR)
        first, sectors = struct.unpack_from("<II", table, TABLE + ENTRY * (number - 1) + 8)
        return first * SECTOR, sectors * SECTOR

    def size(self):
        return os.path.getsize(self.path)

    # --- the first partition: FAT -------------------------------------------------------------------------------------

    def _mtools(self, program, *words, stdin=None):
        where = f"{self.path}@@{self.partition(1)[0]}"
        return subprocess.run([program, "-i", where, *words], input=stdin, capture_output=True, env=ENVIRONMENT,
                              check=False)

    def put(self, name, content):
        """Writes a file, in the place of one that is there."""
        done = self._mtools("mcopy", "-o", "-D", "o", "-", f"::/{name}", stdin=content)
        if done.returncode:
            raise RuntimeError(f"{name} cannot be put on the card: {done.stderr.decode(errors='replace')}")

    def make_folder(self, name):
        self._mtools("mmd", "-D", "s", f"::/{name}")

    def get(self, name):
        """A file's bytes, or None."""
        done = self._mtools("mtype", f"::/{name}")
        return done.stdout if done.returncode == 0 else None

    def remove(self, name):
        self._mtools("mdel", f"::/{name}")

    def names(self):
        done = self._mtools("mdir", "-b", "-/", "::")
        return sorted(line[3:] for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("::/"))

    def fat_problems(self, scratch):
        """What fsck.vfat finds in a copy of the partition; the mark of a write that was cut off is none."""
        self.extract(1, scratch)
        done = subprocess.run(["fsck.vfat", "-n", scratch], capture_output=True, text=True, env=ENVIRONMENT, check=False)
        os.remove(scratch)
        said = [line for line in done.stdout.splitlines()[1:] if line.strip()]
        marks = ("Dirty bit is set", "Automatically removing dirty bit", "Leaving filesystem unchanged", "files,")
        return [line for line in said if not any(mark in line for mark in marks)]

    # --- the second partition: ext4 -----------------------------------------------------------------------------------

    def data_after_replay(self, scratch):
        """Exit code of e2fsck on a copy of the data partition (0: sound, 1: the journal was replayed or mended), what is
        left of problems after that, and the file system's size in bytes."""
        self.extract(2, scratch)
        first = subprocess.run(["e2fsck", "-p", scratch], capture_output=True, text=True, env=ENVIRONMENT, check=False)
        second = subprocess.run(["e2fsck", "-fn", scratch], capture_output=True, text=True, env=ENVIRONMENT, check=False)
        head = subprocess.run(["dumpe2fs", "-h", scratch], capture_output=True, text=True, env=ENVIRONMENT, check=False)
        os.remove(scratch)
        facts = dict(line.split(":", 1) for line in head.stdout.splitlines() if ":" in line)
        size = int(facts.get("Block count", 0)) * int(facts.get("Block size", 0))
        return first.returncode, "" if second.returncode == 0 else second.stdout, size

    def write_data(self, scratch, commands):
        """Runs commands of debugfs on the data partition and puts it back."""
        self.extract(2, scratch)
        done = subprocess.run(["debugfs", "-w", "-f", "-", scratch], input="\n".join(commands) + "\n", text=True,
                              capture_output=True, env=ENVIRONMENT, check=True)
        first = self.partition(2)[0]
        with open(scratch, "rb") as source, open(self.path, "r+b") as image:
            image.seek(first)
            shutil.copyfileobj(source, image, PIECE)
        os.remove(scratch)
        return done.stdout + done.stderr

    def extract(self, number, path):
        first, length = self.partition(number)
        with open(self.path, "rb") as image, open(path, "wb") as out:
            image.seek(first)
            for at in range(0, length, PIECE):
                piece = image.read(min(PIECE, length - at))
                if piece.strip(b"\0"):
                    out.seek(at)
                    out.write(piece)
            out.truncate(length)
