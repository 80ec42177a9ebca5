"""Which file system a path lies on, by what the kernel says; and who refuses what."""

from pathlib import Path

import pytest

from digestmail.errors import StoreError
from digestmail.storage import filesystem
from digestmail.storage.filesystem import NETWORK, Mount, mount_of, mount_under
from digestmail.storage.store import Store

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
/dev/sdb1 /srv ext4 rw 0 0
server:/export /srv/papers nfs4 rw,vers=4.2 0 0
//nas/share /mnt/my\\040share cifs rw 0 0
tmpfs /srv/papers/fast tmpfs rw 0 0
/dev/sdc1 /over ext4 rw 0 0
server:/over /over nfs rw 0 0
broken

"""


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/home/me/digestmail.db", Mount("/", "ext4")),
        ("/srv/digestmail.db", Mount("/srv", "ext4")),
        ("/srv/papers/digestmail.db", Mount("/srv/papers", "nfs4")),
        ("/srv/papers/fast/digestmail.db", Mount("/srv/papers/fast", "tmpfs")),
        ("/srv/papersaurus/digestmail.db", Mount("/srv", "ext4")),
        ("/mnt/my share/digestmail.db", Mount("/mnt/my share", "cifs")),
        ("/over/digestmail.db", Mount("/over", "nfs")),
    ],
)
def test_a_path_lies_on_the_nearest_mount_above_it(path: str, mount: Mount) -> None:
    assert mount_of(Path(path), MOUNTS) == mount


def test_a_system_that_tells_nothing_is_asked_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "missing")
    assert mount_under(tmp_path) is None
    Store(f"sqlite:///{tmp_path / 'x.db'}").close()
    assert mount_of(Path("/x"), "") is None


@pytest.mark.parametrize("kind", sorted(NETWORK))
def test_a_store_on_a_network_file_system_is_refused_before_a_file_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    monkeypatch.setattr(
        filesystem, "read_mounts", lambda: f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n"
    )
    with pytest.raises(StoreError, match=rf"{tmp_path} is a network file system \({kind}\), where SQLite loses data"):
        Store(f"sqlite:///{tmp_path / 'x.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_link_does_not_hide_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    monkeypatch.setattr(filesystem, "read_mounts", lambda: f"/ / ext4 rw 0 0\ns:/x {tmp_path}/far nfs rw 0 0\n")
    with pytest.raises(StoreError, match="network file system"):
        Store(f"sqlite:///{tmp_path / 'near' / 'x.db'}")


def test_this_machine_tells_what_is_mounted() -> None:
    mounts = filesystem.read_mounts()
    if mounts is None:
        pytest.skip("no /proc/self/mounts here")
    assert mount_of(Path("/"), mounts) is not None
