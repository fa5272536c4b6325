"""Opening: formats older, newer and foreign, network shares, and files that can't be written."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from mezzetin.collection import pictures, shares
from mezzetin.collection.migrating import migrate, migrations
from mezzetin.collection.opening import Collection, connect
from mezzetin.errors import EnvironmentProblem, FormatError, InputError
from tests.unit.collection.making import filled

MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/vda rw
23 22 0:21 / /mnt/share rw - cifs //server/share rw
24 22 0:22 / /mnt/with\\040space rw shared:1 master:2 - nfs4 server:/x rw
25 23 0:23 / /mnt/share/disk rw - ext4 /dev/vdb rw
26 22 0:24 / /mnt/blob rw - fuse.blobfuse2 blobfuse2 rw
27 22 0:25 / /mnt/usb rw - fuseblk /dev/sdb rw
28 22 0:26 / /mnt/win rw - 9p C: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/c.sqlite", None),
        ("/mnt/share/c.sqlite", "cifs"),
        ("/mnt/sharedisk/c.sqlite", None),
        ("/mnt/with space/deep/c.sqlite", "nfs4"),
        ("/mnt/share/disk/c.sqlite", None),
        ("/mnt/blob/c.sqlite", "fuse.blobfuse2"),
        ("/mnt/usb/c.sqlite", None),
        ("/mnt/win/c.sqlite", "9p"),
    ],
)
def test_network_shares_are_told_from_disks(monkeypatch: pytest.MonkeyPatch, path: str, kind: str | None) -> None:
    monkeypatch.setattr(shares, "_nearest", lambda path: path)
    assert shares.network_share(Path(path), MOUNTS) == kind


def test_a_collection_on_a_share_is_refused_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:20 / / rw - ext4 d rw\n23 22 0:21 / {tmp_path.resolve()} rw - cifs //server/share rw\n")
    monkeypatch.setattr(shares, "_MOUNTS", mounts)
    with pytest.raises(EnvironmentProblem, match=r"network share \(cifs\)"):
        Collection.open(tmp_path / "c.sqlite", create=True)
    assert not (tmp_path / "c.sqlite").exists()
    monkeypatch.setenv(shares.ALLOW, "1")
    Collection.open(tmp_path / "c.sqlite", create=True).close()


def test_a_missing_collection_is_made_only_when_asked_and_for_its_owner_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        Collection.open(tmp_path / "c.sqlite")
    assert not list(tmp_path.iterdir())
    Collection.open(tmp_path / "c.sqlite", create=True).close()
    assert stat.S_IMODE((tmp_path / "c.sqlite").stat().st_mode) == 0o600


def test_foreign_and_newer_files_are_refused_untouched(tmp_path: Path) -> None:
    filled(tmp_path / "newer.sqlite", 1).close()
    with closing(sqlite3.connect(tmp_path / "newer.sqlite")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as other:
        other.execute("CREATE TABLE t (x)")
    (tmp_path / "text.sqlite").write_text("not a database, however long one reads it\n" * 40)
    for name, words in (("newer", "format 99"), ("other", "no collection"), ("text", "no database")):
        before = (tmp_path / f"{name}.sqlite").read_bytes()
        with pytest.raises(FormatError, match=words):
            Collection.open(tmp_path / f"{name}.sqlite", create=True)
        after = (tmp_path / f"{name}.sqlite").read_bytes()
        # WAL is noted in the header of a database that is refused; nothing else may change.
        assert after[100:] == before[100:]


def test_an_older_format_is_backed_up_and_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    filled(path, 3).close()
    steps = (*migrations(), "CREATE TABLE plates (number INTEGER);\nINSERT INTO plates VALUES (7);\n")
    with closing(connect(path)) as connection:
        migrate(connection, path, steps)
        migrate(connection, path, steps)
        assert connection.execute("SELECT number FROM plates").fetchall()[0][0] == 7
        assert connection.execute("SELECT count(*) FROM pictures").fetchone()[0] == 3
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(steps)
    with Collection.open(tmp_path / f"c.sqlite.format-{len(migrations())}.backup") as old:
        assert pictures.counts(old) == {"done": 3}
        assert old.one("SELECT 1 FROM sqlite_master WHERE name = 'plates'") is None
    with pytest.raises(FormatError, match="newer"):
        Collection.open(path)


def test_a_migration_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    filled(path, 1).close()
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, (*migrations(), "CREATE TABLE plates (x);\nINSERT INTO nowhere VALUES (1);\n"))
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'plates'").fetchone() is None
    Collection.open(path).close()


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    filled(path, 400).close()
    content = bytearray(path.read_bytes())
    content[4096 * 5 :] = b"\xff" * (len(content) - 4096 * 5)
    path.write_bytes(content)
    with pytest.raises(EnvironmentProblem, match="damaged"), Collection.open(path) as collection:
        list(pictures.each(collection))
        pictures.counts(collection)
