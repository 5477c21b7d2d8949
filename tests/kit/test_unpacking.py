"""What was packed comes out as it went in, whatever stands around it, and junk never grows in memory."""

import gzip
import zlib

import pytest

from llmgateway.kit.unpacking import NotPacked, Unpacker


def _unpacked(unpacker: Unpacker, *fed: bytes) -> bytes:
    found = b""
    for packed in fed:
        unpacker.feed(packed)
        while unpacked := unpacker.unpack():
            found += unpacked
    unpacker.end()
    return found


def test_what_comes_after_deflated_bytes_is_not_kept() -> None:
    """Each piece of it once doubled what was held of it."""
    assert _unpacked(Unpacker("deflate"), zlib.compress(b"all"), *[b"x" * (1 << 20)] * 24) == b"all"


def test_of_several_gzip_files_some_may_be_empty() -> None:
    packed = gzip.compress(b"") + gzip.compress(b"a") + gzip.compress(b"") * 2 + gzip.compress(b"b")
    assert _unpacked(Unpacker("gzip"), packed) == b"ab"
    assert _unpacked(Unpacker("gzip"), *[bytes([byte]) for byte in packed]) == b"ab"


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_no_bytes_are_none_packed_or_not(packing: str) -> None:
    """So answer refusals, and whatever has no body."""
    unpacker = Unpacker(packing)
    assert unpacker.unpack() == b""
    unpacker.end()


@pytest.mark.parametrize(("packing", "packed"), [("gzip", gzip.compress(b"all")), ("deflate", zlib.compress(b"all"))])
def test_what_is_cut_says_so(packing: str, packed: bytes) -> None:
    with pytest.raises(NotPacked, match="not whole"):
        _unpacked(Unpacker(packing), packed[:-1])
