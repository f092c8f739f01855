"""Prints the notices of the crates that are linked into the program: python3 third-party.py TARGET

Who passes a program on has to pass on the notices of what is in it (MIT, BSD, ISC). They lie in the crates' sources, where cargo has
unpacked them. A crate without a file of its own is named with its licence and its authors. A text that many have is printed once.
"""

import json
import pathlib
import subprocess
import sys


def cargo(*words):
    return subprocess.run(["cargo", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


[target] = sys.argv[1:]
tree = cargo("tree", "--locked", "--package", "netroam", "--edges", "normal", "--target", target, "--prefix", "none", "--format", "{p}")
# `clap v4.5.0`, with ` (proc-macro)` or ` (*)` behind it; a path stands behind what is part of this workspace.
linked = {tuple(line.split()[:2]) for line in tree.splitlines() if line and "(proc-macro)" not in line}
packages = {
    (package["name"], "v" + package["version"]): package
    for package in json.loads(cargo("metadata", "--locked", "--filter-platform", target, "--format-version", "1"))["packages"]
}

printed = {}
print("The program is linked with Rust's standard library (MIT OR Apache-2.0, the Rust project's developers, https://www.rust-lang.org),")
if "musl" in target:
    print("with musl (MIT, Copyright 2005-2020 Rich Felker and others, https://musl.libc.org),")
print("and with these crates, under these terms.")
for name, version in sorted(linked):
    package = packages[name, version]
    if package["source"] is None:
        continue
    print(f"\n{'=' * 78}\n{name} {version[1:]}: {package['license']}")
    if package["authors"]:
        print("by " + ", ".join(package["authors"]))
    if package["repository"]:
        print(package["repository"])
    folder = pathlib.Path(package["manifest_path"]).parent
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")):
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            # Lines are broken and indented as everybody likes it.
            before = printed.setdefault(" ".join(text.split()), f"{name} {version[1:]}, {file.name}")
            if before == f"{name} {version[1:]}, {file.name}":
                print(f"\n--- {file.name}\n\n{text}")
            else:
                print(f"\n--- {file.name}: as above, {before}")
