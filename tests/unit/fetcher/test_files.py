"""Opening files: only what may be read, and a file that changes meanwhile is a fault."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from services.fetcher.files import File, allowed
from shared.errors import FileFault
from shared.settings import Fetcher


def settings(folder: Path, **others: int) -> Fetcher:
    return Fetcher(allowed_folders=[folder], **others)


def content(path: Path, **others: int) -> bytes:
    file = File(path, settings(path.parent, **others))
    try:
        return b"".join(iter(file.read, b""))
    finally:
        file.close()


def test_a_file_is_read_whole_and_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(b"a,b\n" * 100_000)
    (tmp_path / "packed.csv").write_bytes(gzip.compress(b"a,b\n" * 100_000))
    assert content(tmp_path / "plain.gz") == content(tmp_path / "packed.csv") == b"a,b\n" * 100_000


def test_a_path_outside_the_allowed_folders_names_the_setting(tmp_path: Path) -> None:
    (inside := tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    (inside / "link").symlink_to(tmp_path / "secret")
    for path in (inside / "link", inside / ".." / "secret"):
        with pytest.raises(
            FileFault, match=r"secret is outside the folders the fetcher may read .*add its folder to FETCHER__ALLOWED_FOLDERS"
        ):
            allowed(str(path), settings(inside))
    (inside / "own").symlink_to(inside / "file")
    (inside / "file").write_text("x")
    assert allowed(str(inside / "own"), settings(inside)) == (inside / "file").resolve()


def test_what_is_not_there_or_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match=r"cannot open .*nothing: No such file or directory"):
        allowed(str(tmp_path / "nothing"), settings(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for name, message in (("pipe", "is not a regular file"), (".", "is not a regular file"), ("empty", "^the file is empty$")):
        with pytest.raises(FileFault, match=message):
            File((tmp_path / name).resolve(), settings(tmp_path))


def test_a_file_above_the_limit_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1001)
    with pytest.raises(FileFault, match="has 1,001 bytes; FETCHER__MAX_FILE_BYTES allows 1,000"):
        content(tmp_path / "big", max_file_bytes=1000)


def test_a_file_that_grows_while_it_is_read_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 1000)
    file = File(path, settings(tmp_path))
    assert file.read() == b"x" * 1000
    with path.open("ab") as more:
        more.write(b"y")
    assert file.read() == b"y"
    with pytest.raises(FileFault, match="the file changed while it was read"):
        file.read()


@pytest.mark.parametrize("path", ["/srv/a\x00b", "/srv/\ud800", "/srv/" + "a" * 5000])
def test_a_path_that_no_system_takes_is_a_fault(path: str, tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="cannot open /srv/"):
        allowed(path, settings(tmp_path))
