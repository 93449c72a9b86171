"""What is in a binary, as CycloneDX 1.5. Called by scripts/build:  sbom.py TRIPLE BINARY

The crates are those that cargo links for the target, without what only builds or tests; after them come the libraries
that the toolchain adds. Nothing of this depends on when or where it runs.
"""

import hashlib
import json
import re
import subprocess
import sys
import uuid
from importlib.metadata import version

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def main(triple, binary):
    lines = cargo_tree(triple)
    checksums = checksums_of(open("Cargo.lock", encoding="utf-8").read())
    crates, edges = {}, {}
    above = []
    for depth, name, release, licence in lines:
        reference = f"pkg:cargo/{name}@{release}"
        crates[reference] = crate(reference, name, release, licence, checksums.get((name, release)))
        edges.setdefault(reference, set())
        del above[depth:]
        if above:
            edges[above[-1]].add(reference)
        above.append(reference)
    root = next(iter(crates))
    main_component = {**crates.pop(root), "type": "application", "hashes": [sha256(digest(binary))]}
    libraries = from_the_toolchain()
    edges[root].update(library["bom-ref"] for library in libraries)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{root}?sha256={digest(binary)}").urn,
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": name, "version": which} for name, which in tools()]},
            "component": main_component,
            "properties": [{"name": "hafir:target", "value": triple}],
        },
        "components": [crates[reference] for reference in sorted(crates)] + libraries,
        "dependencies": [{"ref": each, "dependsOn": sorted(edges[each])} for each in sorted(edges)]
        + [{"ref": library["bom-ref"]} for library in libraries],
    }
    json.dump(document, sys.stdout, indent=1)
    print()


def cargo_tree(triple):
    """One line for each place of each crate in the tree: how deep, name, version, licence. The root comes first."""
    text = output(
        ["cargo", "tree", "--locked", "--offline", "--package", "hafir", "--target", triple, "--no-dedupe"]
        + ["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", " {p}|{l}"]
    )
    for line in text.splitlines():
        depth, name, release, licence = re.fullmatch(r"(\d+) (\S+) v(\S+)[^|]*\|(.*)", line).groups()
        yield int(depth), name, release, licence.replace("/", " OR ")


def checksums_of(lock):
    pattern = rf'name = "(.+)"\nversion = "(.+)"\nsource = "{re.escape(CRATES_IO)}"\nchecksum = "(.+)"'
    return {(name, release): checksum for name, release, checksum in re.findall(pattern, lock)}


def crate(reference, name, release, licence, checksum):
    component = {"type": "library", "bom-ref": reference, "name": name, "version": release, "purl": reference}
    component["licenses"] = [{"expression": licence}]
    if checksum:
        component["hashes"] = [sha256(checksum)]
    return component


def from_the_toolchain():
    """What is linked that no crate names: Rust's own library, and what zig brings."""
    zig = version("ziglang")
    parts = [
        ("rust-std", rust(), "MIT OR Apache-2.0"),
        ("musl", f"zig-{zig}", "MIT"),
        ("llvm-libunwind", f"zig-{zig}", "Apache-2.0 WITH LLVM-exception"),
    ]
    return [crate(f"pkg:generic/{name}@{release}", name, release, licence, None) for name, release, licence in parts]


def tools():
    return [("rustc", rust()), ("zig", version("ziglang")), ("cargo-zigbuild", version("cargo-zigbuild"))]


def rust():
    return output(["rustc", "--version"]).split()[1]


def output(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sha256(content):
    return {"alg": "SHA-256", "content": content}


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


main(*sys.argv[1:])
