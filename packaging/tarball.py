"""Packs a directory under a name: python3 tarball.py DIRECTORY NAME FILE.tar.gz

The same files give the same bytes, whoever packs them and wherever: sorted, owned by root, and as old as SOURCE_DATE_EPOCH says.
Python's own archives are the same on Linux and macOS; the systems' tars differ.
"""

import gzip
import os
import sys
import tarfile

directory, name, archive = sys.argv[1:]
epoch = int(os.environ["SOURCE_DATE_EPOCH"])


def nobodys(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = epoch
    executable = entry.isdir() or entry.name == f"{name}/bin/netroam"
    entry.mode = 0o755 if executable else 0o644
    return entry


with open(archive, "wb") as file:
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=epoch) as packed:
        # add() sorts what is in a directory.
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(directory, arcname=name, filter=nobodys)
