"""Which file system a database lies on. SQLite's locks cannot be relied on over a network (sqlite.org/faq.html#q5)."""

import re
from pathlib import Path
from typing import NamedTuple

from digestmail.errors import StoreError

_MOUNTS = Path("/proc/self/mounts")
_OCTAL = re.compile(r"\\([0-7]{3})")
#: file systems that are shared between machines and lose locks or writes
NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "davfs", "fuse.sshfs", "fuse.smbnetfs")
)


class Mount(NamedTuple):
    """Where a file system begins, and of what kind it is."""

    point: str
    kind: str


def read_mounts() -> str | None:
    """What the kernel has mounted (proc(5)); None where it does not say."""
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


def mount_of(path: Path, mounts: str) -> Mount | None:
    """The file system that ``path`` lies on: the longest mount point above it, and of equals the last mounted."""
    found: Mount | None = None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < len(("device", "point", "kind")):
            continue
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[1])
        if path.is_relative_to(point) and (found is None or len(point) >= len(found.point)):
            found = Mount(point, fields[2])
    return found


def mount_under(path: Path) -> Mount | None:
    """The file system under a path of this machine; None where the system does not say."""
    mounts = read_mounts()
    return mount_of(path.resolve(), mounts) if mounts is not None else None


def refuse_network(path: Path) -> None:
    """Raise StoreError where two processes would not see each other's locks."""
    mount = mount_under(path)
    if mount and mount.kind in NETWORK:
        raise StoreError(
            f"store {path}: {mount.point} is a network file system ({mount.kind}), where SQLite loses data; "
            "put the file on a disk of this machine, or use PostgreSQL"
        )
