"""Emulated boards: what qemu is told for each, its serial console with the time of each line, and the power switch."""

import os
import re
import socket
import subprocess
import threading
import time

# The console shows what init says (it goes through the kernel's log, which would hold back more than ten lines in five
# seconds) and what the programs log.
WORDS = "panic=1 loglevel=6 printk.devkmsg=on hafir.log=console"


class Model:
    """A board that qemu knows."""

    def __init__(self, program, options, console, card, network, tree="", patience=60):
        self.program, self.options, self.console = program, options.split(), console
        self.card, self.network, self.tree = card, network, tree
        # Seconds for the first page; an emulated board without KVM on a busy machine is slow.
        self.patience = patience


VIRTIO_CARD = ["-drive", "if=none,id=card,{drive}", "-device", "virtio-blk-device,drive=card"]
VIRTIO_NETWORK = ["-device", "virtio-net-device,netdev=net"]

MODELS = {
    "aarch64": Model("qemu-system-aarch64", "-M virt -cpu cortex-a53 -smp 2 -m 256", "console=ttyAMA0", VIRTIO_CARD,
                     VIRTIO_NETWORK),
    "armv7": Model("qemu-system-arm", "-M virt -cpu cortex-a7 -smp 2 -m 256", "console=ttyAMA0", VIRTIO_CARD,
                   VIRTIO_NETWORK, patience=240),
    # What qemu has in the place of the power controller resets the machine when its watchdog is opened.
    "armv6": Model("qemu-system-arm", "-M raspi0",
                   "console=ttyAMA0,115200 initcall_blacklist=bcm2835_pm_driver_init",
                   ["-drive", "if=sd,{drive}"], ["-usb", "-device", "usb-net,netdev=net"],
                   tree="bcm2835-rpi-zero.dtb", patience=300),
}


def free_ports(count):
    """Ports that nobody has now; qemu takes them a moment later."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Board:
    """One board with a card, from power on to the cut of the power. As a context it ends with a cut."""

    def __init__(self, target, folder, card, outside=False, log=None):
        """`folder` holds kernel and initramfs; with `outside` the board reaches this machine at 10.0.2.2."""
        self.model = MODELS[target]
        self.folder, self.card, self.outside = folder, card, outside
        self.log = log
        self.lines = []
        self.more = threading.Condition()

    def __enter__(self):
        self.power_on()
        return self

    def __exit__(self, *_):
        self.cut()

    def power_on(self):
        self.lines = []
        self.port, self.admin_port = free_ports(2)
        self.began = time.monotonic()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True)
        self.reader.start()

    def command(self):
        model = self.model
        # directsync: what the board was told is written, is written. So a cut loses what was under way, and no more,
        # as on a card that keeps its word.
        drive = f"file={self.card.path},format=raw,cache=directsync"
        net = (f"user,id=net,restrict={'off' if self.outside else 'on'}"
               f",hostfwd=tcp:127.0.0.1:{self.port}-:80,hostfwd=tcp:127.0.0.1:{self.admin_port}-:8079")
        tree = ["-dtb", os.path.join(self.folder, model.tree)] if model.tree else []
        return [model.program, *model.options, "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
                "-nic", "none", "-kernel", os.path.join(self.folder, "kernel"),
                "-initrd", os.path.join(self.folder, "initramfs"), *tree, "-append", f"{model.console} {WORDS}",
                *[word.format(drive=drive) for word in model.card], "-netdev", net, *model.network]

    def _read(self, process, lines):
        with open(self.log or os.devnull, "a", encoding="utf-8") as log:
            for line in process.stdout:
                line = line.decode(errors="replace").rstrip()
                at = time.monotonic() - self.began
                used = self.processor_seconds()
                log.write(f"{at:8.2f} {line}\n")
                log.flush()
                with self.more:
                    lines.append((at, used, line))
                    self.more.notify_all()
        with self.more:
            self.more.notify_all()

    def wait_for(self, pattern, seconds):
        """The first line of the console that fits: seconds since power on, and the match. None after `seconds`."""
        wanted, seen = re.compile(pattern), 0
        give_up = time.monotonic() + seconds
        with self.more:
            while True:
                for at, _, line in self.lines[seen:]:
                    if found := wanted.search(line):
                        return at, found
                seen = len(self.lines)
                left = give_up - time.monotonic()
                if left <= 0 or not self.is_on():
                    return None
                self.more.wait(min(left, 1))

    def seen(self, pattern):
        """All lines so far that fit."""
        with self.more:
            return [(at, found) for at, _, line in self.lines if (found := re.search(pattern, line))]

    def used_since(self, at):
        """Processor time of the emulator from the line of the console at `at` until now: what a busy machine did not
        give it does not count."""
        with self.more:
            return self.processor_seconds() - next(used for when, used, _ in self.lines if when >= at)

    def processor_seconds(self):
        try:
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
                user, system = file.read().rsplit(")", 1)[1].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        except OSError:
            return 0.0

    def is_on(self):
        return self.process.poll() is None

    def cut(self):
        """Cuts the power: no signal that could be caught, nothing is flushed."""
        self.process.kill()
        self.process.wait()
        self.reader.join(5)

    def last_words(self, count=15):
        return "\n".join(f"    {at:7.2f} {line}" for at, _, line in self.lines[-count:])
