"""Files written whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastloop_v1.atomic_file import atomic_write
from fastloop_v1.errors import ArgumentError, UnwritablePathError

CHILD = """
import sys
from fastloop_v1.atomic_file import atomic_write

with atomic_write(sys.argv[1]) as file:
    file.write(b"half of the new content" * 100_000)
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_new_file_holds_what_was_written(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"\x00\x01")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\x01"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_text_is_written_as_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    with atomic_write(str(tmp_path / "a.txt"), "w") as file:
        file.write("één\r\ntwo\n")
    assert (tmp_path / "a.txt").read_bytes() == "één\r\ntwo\n".encode()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a" / "b" / "c") as file:
        file.write(b"x")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"x"


def test_old_content_is_seen_until_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with atomic_write(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_exception_in_the_block_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def write_half() -> None:
        with atomic_write(target) as file:
            file.write(b"half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        write_half()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_exception_before_the_first_file_leaves_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "a") as file:
        file.write(b"%d" % (1 // 0))
    assert os.listdir(tmp_path) == []


def test_killed_process_leaves_the_old_file_intact(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"writing\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    (left,) = set(os.listdir(tmp_path)) - {"a"}
    assert left.startswith(".a.")
    assert left.endswith(".tmp")


def test_writing_works_beside_what_a_killed_process_left(tmp_path: Path) -> None:
    (tmp_path / ".a.0123456789ab.tmp").write_bytes(b"left")
    with atomic_write(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_permissions_of_the_old_file_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with atomic_write(target) as file:
        file.write(b"new")
    assert target.stat().st_mode & 0o777 == 0o640


def test_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with atomic_write(tmp_path / "a") as file:
        file.write(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("plain/a", "Not a directory|File exists", id="below a file"),
        pytest.param("folder", "no regular file", id="a folder"),
        pytest.param("n" * 300, "File name too long", id="name too long"),
        pytest.param("/dev/null", "no regular file", id="a device"),
        pytest.param("/proc/a", "No such file|Permission denied|not permitted", id="a system folder"),
    ],
)
def test_unwritable_path_is_refused_before_the_block_runs(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "plain").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    ran = []
    with pytest.raises(UnwritablePathError, match=reason) as caught, atomic_write(tmp_path / name):
        ran.append(name)
    assert str(tmp_path / name) in str(caught.value)
    assert isinstance(caught.value, OSError)
    assert not ran
    assert sorted(os.listdir(tmp_path)) == ["folder", "plain"]
    assert (tmp_path / "plain").read_bytes() == b"mine"


def test_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    target.chmod(0o444)
    if os.access(target, os.W_OK):
        # The superuser may write whatever the permission bits say, and so may this function for them.
        with atomic_write(target) as file:
            file.write(b"new")
        assert target.read_bytes() == b"new"
        return
    with pytest.raises(UnwritablePathError, match="read-only"), atomic_write(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"old"


def test_full_disk_is_reported_with_the_path_and_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    program = (
        "import resource, signal, sys\n"
        "from fastloop_v1.atomic_file import atomic_write\n"
        "from fastloop_v1.errors import UnwritablePathError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with atomic_write(sys.argv[1]) as file:\n"
        "        file.write(b'x' * 100_000)\n"
        "except UnwritablePathError as error:\n"
        "    print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout == f"{target} cannot be written: File too large.\n"
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_another_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"mode is 'a'.*'wb' and 'w'"), atomic_write(tmp_path / "a", "a"):
        raise AssertionError("the block ran")
