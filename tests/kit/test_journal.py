"""The journal: what append took is there again, whatever happens to the process."""

import os
import resource
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.kit import journal as journal_module
from llmgateway.kit.checkpoint import Checkpoint, CheckpointFile, Position
from llmgateway.kit.journal import Journal, JournalFull

WRITER = """
import sys
from pathlib import Path
from llmgateway.kit.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
number = 0
while True:
    journal.append(b"%d " % number + b"x" * (number % 3000))
    sys.stdout.buffer.write(b"%d\\n" % number)
    sys.stdout.buffer.flush()
    number += 1
"""


def _all(journal: Journal) -> list[bytes]:
    return [entry.data for entry in journal.read(1_000_000)]


def _die(journal: Journal) -> None:
    """What the death of a process does to its journal: the lock goes, the files stay."""
    os.close(journal._lock)
    journal._lock = -1
    journal.close()


@settings(max_examples=30, deadline=None)
@given(records=st.lists(st.binary(min_size=1, max_size=300), max_size=30), most=st.integers(1, 7))
def test_records_come_back_in_order(tmp_path_factory: pytest.TempPathFactory, records: list[bytes], most: int) -> None:
    with Journal.open(tmp_path_factory.mktemp("journal")) as journal:
        for record in records:
            journal.append(record)
        got = list[bytes]()
        while entries := journal.read(most):
            assert len(entries) <= most
            got += [entry.data for entry in entries]
        assert got == records


@pytest.mark.parametrize("after", [1, 50, 400, 2_000])
def test_kill_9_loses_nothing_that_append_returned(tmp_path: Path, after: int) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        process.wait()
    (journal,) = Journal.adopt(tmp_path)
    numbers = [int(record.split()[0]) for record in _all(journal)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= len([line for line in said if line.endswith(b"\n")])
    journal.remove()
    assert Journal.adopt(tmp_path) == []


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 12])
def test_a_torn_tail_is_cut(tmp_path: Path, cut: int) -> None:
    journal = Journal.open(tmp_path)
    journal.append(b"first")
    journal.append(b"second")
    _die(journal)
    file = journal.folder / "0000000001.log"
    file.write_bytes(file.read_bytes()[:-cut])
    (adopted,) = Journal.adopt(tmp_path)
    assert _all(adopted) == [b"first"]
    assert [len(torn) for torn in adopted.torn.values()] == [14 - cut]
    adopted.remove()


def test_zeros_that_a_power_cut_left_are_no_records(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(b"first")
    _die(journal)
    with (journal.folder / "0000000001.log").open("ab") as file:
        file.write(bytes(4096))
    (adopted,) = Journal.adopt(tmp_path)
    assert _all(adopted) == [b"first"]
    assert [*adopted.torn.values()] == [bytes(4096)]
    adopted.remove()


@pytest.mark.parametrize("lengths", [[200_000], [10, 200_000, 10], [40_000] * 5, [65_528, 65_529, 1]])
def test_records_longer_than_what_is_read_at_once_come_back(tmp_path: Path, lengths: list[int]) -> None:
    with Journal.open(tmp_path) as journal:
        records = [bytes([number]) * length for number, length in enumerate(lengths, start=1)]
        for record in records:
            journal.append(record)
        assert _all(journal) == records
        assert journal.torn == {}
        journal.mark(Checkpoint.at(journal.position))


def test_a_record_that_was_changed_on_disk_is_not_believed(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(b"first")
    _die(journal)
    file = journal.folder / "0000000001.log"
    file.write_bytes(file.read_bytes().replace(b"first", b"worse"))
    (adopted,) = Journal.adopt(tmp_path)
    assert _all(adopted) == []
    adopted.remove()


@pytest.mark.parametrize("place", [0, 4, 8, 20], ids=["the length", "the checksum", "the record", "its end"])
@pytest.mark.parametrize("flip", [1, 0x80])
def test_a_flipped_bit_costs_the_record_it_is_in_and_no_other(tmp_path: Path, place: int, flip: int) -> None:
    records = [b"%03d" % number * 5 for number in range(200)]
    journal = Journal.open(tmp_path)
    for record in records:
        journal.append(record)
    _die(journal)
    file = journal.folder / "0000000001.log"
    whole = bytearray(file.read_bytes())
    whole[23 * 100 + place] ^= flip
    file.write_bytes(whole)
    (adopted,) = Journal.adopt(tmp_path)
    assert _all(adopted) == records[:100] + records[101:]
    assert adopted.torn == {Position(1, 23 * 100): bytes(whole[23 * 100 : 23 * 101])}
    adopted.remove()


def test_behind_a_part_that_is_gone_the_rest_is_read(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    for letter in b"abc":
        journal.append(bytes([letter]) * 100_000)
    _die(journal)
    file = journal.folder / "0000000001.log"
    whole = bytearray(file.read_bytes())
    whole[50_000:54_096] = bytes(4096)
    file.write_bytes(whole)
    (adopted,) = Journal.adopt(tmp_path)
    assert [record[:1] for record in _all(adopted)] == [b"b", b"c"]
    adopted.remove()


def test_segments_roll_and_are_deleted_when_nobody_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 1000)
    with Journal.open(tmp_path) as journal:
        for number in range(100):
            journal.append(b"%03d" % number + b"x" * 97)
        assert len(list(journal.folder.glob("*.log"))) > 5
        entries = journal.read(60)
        journal.mark(Checkpoint(entries[30].start, journal.position, journal.position))
        assert min(journal.folder.glob("*.log")).stem == f"{entries[30].start.segment:010d}"
        assert len(_all(journal)) == 40
        journal.mark(Checkpoint.at(journal.position))
        assert journal.backlog == 0
        assert len(list(journal.folder.glob("*.log"))) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_survives_the_process(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    for number in range(10):
        journal.append(b"%d" % number)
    entries = journal.read(6)
    checkpoint = Checkpoint(entries[2].start, entries[4].start, journal.position)
    journal.mark(checkpoint)
    assert journal.backlog == 4 * 9
    _die(journal)
    (adopted,) = Journal.adopt(tmp_path)
    assert adopted.checkpoint == checkpoint
    assert _all(adopted) == [b"%d" % number for number in range(2, 10)]
    adopted.remove()


def test_a_broken_checkpoint_means_reading_all_of_it_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.append(b"one")
    journal.read(1)
    journal.mark(Checkpoint.at(journal.position))
    _die(journal)
    for broken in (b"", b"\0" * 36):
        (journal.folder / "checkpoint").write_bytes(broken)
        (adopted,) = Journal.adopt(tmp_path)
        assert _all(adopted) == [b"one"]
        adopted.close()
    (adopted,) = Journal.adopt(tmp_path)
    adopted.remove()


def test_the_journal_of_a_living_process_is_not_adopted(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(b"mine")
        assert Journal.adopt(tmp_path) == []


def test_what_is_not_done_stays_for_the_next_process(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(b"left")
    (adopted,) = Journal.adopt(tmp_path)
    assert _all(adopted) == [b"left"]
    with pytest.raises(JournalFull):
        adopted.append(b"the dead write nothing")
    adopted.remove()


def test_a_full_disk_refuses_the_record_and_keeps_the_file_whole(tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk: the kernel writes a part, then nothing."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal.open(tmp_path) as journal:
        journal.append(b"a" * 500)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        try:
            for _ in range(2):
                with pytest.raises(JournalFull):
                    journal.append(b"b" * 800)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        journal.append(b"c" * 800)
        assert _all(journal) == [b"a" * 500, b"c" * 800]
        assert journal.torn == {}


def test_after_a_failed_sync_the_next_record_goes_into_a_new_segment(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(b"one")
        assert journal._syncer is not None
        journal._syncer.error = OSError(5, "Input/output error")
        journal.append(b"two")
        assert [entry.start.segment for entry in journal.read(10)] == [1, 2]


def test_the_frame_is_length_and_crc_32(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(b"abc")
        raw = (journal.folder / "0000000001.log").read_bytes()
    assert raw == (3).to_bytes(4, "little") + zlib.crc32(b"abc").to_bytes(4, "little") + b"abc"


def test_what_is_done_makes_room_again_without_taking_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "EMPTIED_BYTES", 500)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal.open(tmp_path) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        try:
            for number in range(20):
                journal.append(b"%02d" % number + b"x" * 900)
                with pytest.raises(JournalFull):
                    journal.append(b"y" * 900)
                assert [entry.data[:2] for entry in journal.read(10)] == [b"%02d" % number]
                journal.mark(Checkpoint.at(journal.position))
                assert (journal.backlog, journal.size) == (0, 0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        assert len(list(journal.folder.glob("*.log"))) == 1
    assert list(tmp_path.iterdir()) == []


def test_room_is_given_back_where_the_checkpoint_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 100)
    journal = Journal.open(tmp_path)
    for _ in range(3):
        journal.append(b"x" * 200)
    journal.read(10)
    (journal.folder / "checkpoint").unlink()
    (journal.folder / "checkpoint").mkdir()
    with pytest.raises(OSError, match="checkpoint"):
        journal.mark(Checkpoint.at(journal.position))
    assert len(list(journal.folder.glob("*.log"))) == 1
    assert journal.backlog == 0
    (journal.folder / "checkpoint").rmdir()
    journal.append(b"later")
    journal.read(10)
    journal.mark(Checkpoint.at(journal.position))
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    places = list[Checkpoint]()
    for number in range(4):
        journal.append(b"%d" % number)
        journal.read(1)
        places.append(Checkpoint.at(journal.position))
        journal.mark(places[-1])
    file = journal.folder / "checkpoint"
    whole = file.read_bytes()
    assert len(whole) == 104
    half = len(whole) // 2
    found = list[Checkpoint]()
    for torn in (b"\0" * half + whole[half:], whole[:half] + b"\0" * half, whole[:half], whole[: half + 5]):
        file.write_bytes(torn)
        found.append(CheckpointFile(journal.folder).read())
    assert set(found) == {places[-1], places[-2]}
    journal.close()


def test_what_dies_before_a_done_segment_is_emptied_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "EMPTIED_BYTES", 1)
    journal = Journal.open(tmp_path)
    journal.append(b"done")
    journal.read(1)
    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", _no_disk)
        with pytest.raises(OSError, match="gone"):
            journal.mark(Checkpoint.at(journal.position))
    journal.append(b"later")
    _die(journal)
    (adopted,) = Journal.adopt(tmp_path)
    assert _all(adopted) == [b"done", b"later"]  # once more than needed, and nothing is lost
    adopted.remove()


def _no_disk(_descriptor: int, _length: int) -> None:
    raise OSError(5, "gone")


def test_the_newest_checkpoint_is_not_the_one_that_is_written_over(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path)
    file.reserve()
    places = [Checkpoint.at(Position(1, at)) for at in (10, 20, 30)]
    for place in places[:2]:
        file.write(place)
    again = CheckpointFile(tmp_path)
    assert again.read() == places[1]
    again.write(places[2])
    packed = (tmp_path / "checkpoint").read_bytes()
    assert set(_slots(tmp_path, packed)) == set(places[1:])


def _slots(folder: Path, packed: bytes) -> list[Checkpoint]:
    half, found = len(packed) // 2, list[Checkpoint]()
    for only in (packed[:half], b"\0" * half + packed[half:]):
        (folder / "checkpoint").write_bytes(only)
        found.append(CheckpointFile(folder).read())
    return found


def test_a_folder_that_cannot_be_read_keeps_no_other_and_is_tried_again(tmp_path: Path) -> None:
    for record in (b"a", b"b", b"c"):
        journal = Journal.open(tmp_path)
        journal.append(record)
        _die(journal)
    bad = sorted(folder for folder in tmp_path.iterdir())[1]
    (bad / "notes.log").write_text("somebody's own")
    segment = next(bad.glob("0*.log"))
    segment.rename(away := bad / "away")
    segment.symlink_to(segment)  # its size cannot be asked
    adopted = Journal.adopt(tmp_path)
    assert len(adopted) == 2
    assert all(len(_all(journal)) == 1 for journal in adopted)
    segment.unlink()
    away.rename(segment)
    (mended,) = Journal.adopt(tmp_path)
    assert len(_all(mended)) == 1
    for journal in (*adopted, mended):
        journal.close()
