"""A file that is written is whole, or as it was before."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from database.atomic_file import open_beside, write_file


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    path.chmod(0o640)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written(tmp_path):
    write_file(tmp_path / "new.txt", "é")

    assert (tmp_path / "new.txt").read_bytes() == "é".encode()
    assert names(tmp_path) == ["new.txt"]


def test_what_was_there_stands_until_the_end(target):
    with open_beside(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"

    assert target.read_text() == "new"


def test_what_fails_leaves_nothing(target):
    with pytest.raises(ZeroDivisionError), open_beside(target) as file:
        file.write(b"new" * (1 // 0))

    assert (target.read_text(), names(target.parent)) == ("old", ["notes.txt"])


def test_what_a_writer_left_who_was_killed_goes_with_the_next_and_nothing_of_others(target):
    others = [".notes.txt.new", ".notes.txt.abc.new", "notes.txt.0123456789ab.new", ".other.txt.0123456789ab.new"]
    for name in [*others, ".notes.txt.0123456789ab.new"]:
        (target.parent / name).write_text("alice@example.com")

    with open_beside(target) as first:
        write_file(target, "second")
        first.write(b"first")

    assert target.read_text() == "first"
    assert names(target.parent) == sorted([*others, "notes.txt"])


def test_many_who_write_one_file_keep_out_of_each_others_way(target):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_file(target, f"{number}"), range(100)))

    assert int(target.read_text()) in range(100)
    assert names(target.parent) == ["notes.txt"]


def test_permissions_stay(target):
    write_file(target, "new")

    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_secret_is_its_owner_s_alone_from_the_start(tmp_path):
    with open_beside(tmp_path / "secret", mode=0o600):
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}

    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_link_stays_a_link(target, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(target)

    write_file(link, "new")

    assert (link.is_symlink(), target.read_text()) == (True, "new")


def test_of_many_that_make_a_secret_one_wins(tmp_path):
    path = tmp_path / "secret"

    def make(number):
        write_file(path, f"secret {number}", mode=0o600, keep=True)
        return path.read_text()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(50)))) == 1
    assert names(tmp_path) == ["secret"]


def test_a_pipe_is_written_as_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        write_file(tmp_path / "pipe", "new")

    assert read.result() == "new"


@pytest.mark.parametrize("name", ["nowhere/notes.txt", "."])
def test_what_cannot_be_written_is_an_os_error(tmp_path, name):
    with pytest.raises(OSError):  # noqa: PT011 - which of them depends on the system
        write_file(tmp_path / name, "new")

    assert names(tmp_path) == []


def test_a_name_as_long_as_may_be_is_written(tmp_path):
    write_file(tmp_path / ("n" * 255), "new")

    assert names(tmp_path) == ["n" * 255]
