"""Which process has claimed something, and whether it is still there.

A process is known by host, boot, namespace, number and start time: numbers are used again, start times are not. What
another host or another container has claimed cannot be judged from here; then its lease decides.
"""

import os
import socket
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_SEPARATOR = " "
# in /proc/PID/stat, counted from after the command, which may hold anything (proc(5))
_STATE, _START_TIME = 0, 19


@lru_cache(maxsize=1)
def _this_process(pid: int) -> str:
    return _SEPARATOR.join((*_house(), str(pid), _started(pid)))


def this_process() -> str:
    """The name under which this process claims."""
    return _this_process(os.getpid())  # a fork is another process


def is_dead(owner: str) -> bool:
    """Whether the process of that name has certainly ended."""
    try:
        host, boot, namespace, pid, started = owner.split(_SEPARATOR)
    except ValueError:
        return False
    here = _house()
    if host != here[0]:
        return False
    if boot != here[1]:
        return True  # the machine has been started anew since
    return namespace == here[2] and not _runs(int(pid), started)


def _runs(pid: int, started: str) -> bool:
    if started:
        return _started(pid) == started
    try:  # no /proc here: only the number is known
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@lru_cache(maxsize=1)
def _house() -> tuple[str, str, str]:
    """Host, boot and namespace; those that the system does not tell are "-"."""
    host = socket.gethostname().replace(_SEPARATOR, "-") or "-"
    return host, _read(_PROC / "sys/kernel/random/boot_id") or "-", _namespace()


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return "-"


def _started(pid: int) -> str:
    """When the process started, in ticks since boot; empty when it is gone, a zombie, or the system does not tell."""
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return "" if not fields or fields[_STATE] in "ZX" else fields[_START_TIME]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
