"""Sealed bytes open under the right key, in the right place, unchanged; and not otherwise."""

import pytest

from llmgateway.kit.crypto import CannotOpen, MasterKeys, keyed_hash

ABOUT = b"table.column"


@pytest.mark.parametrize("plain", [b"", b"x", b"secret" * 1000])
def test_what_was_sealed_opens(plain: bytes) -> None:
    masters = MasterKeys(["one"])
    assert masters.open(masters.seal(plain, ABOUT), ABOUT) == plain


def test_the_same_is_never_sealed_the_same() -> None:
    masters = MasterKeys(["one"])
    assert masters.seal(b"x", ABOUT) != masters.seal(b"x", ABOUT)


def test_older_keys_open_and_only_the_newest_seals() -> None:
    old, both, new = MasterKeys(["old"]), MasterKeys(["new", "old"]), MasterKeys(["new"])
    before, after = old.seal(b"x", ABOUT), both.seal(b"x", ABOUT)
    assert both.open(before, ABOUT) == new.open(after, ABOUT) == b"x"
    assert (both.is_newest(before), both.is_newest(after)) == (False, True)
    with pytest.raises(CannotOpen, match="LLMGATEWAY_SECRET_KEY"):
        new.open(before, ABOUT)


def test_every_changed_byte_is_noticed() -> None:
    masters = MasterKeys(["one"])
    sealed = masters.seal(b"secret", ABOUT)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(CannotOpen):
            masters.open(bytes(changed), ABOUT)


@pytest.mark.parametrize("length", [0, 1, 8, 20, 30])
def test_what_is_cut_short_does_not_open(length: int) -> None:
    masters = MasterKeys(["one"])
    with pytest.raises(CannotOpen):
        masters.open(masters.seal(b"secret", ABOUT)[:length], ABOUT)


def test_it_opens_only_where_it_was_sealed() -> None:
    masters = MasterKeys(["one"])
    with pytest.raises(CannotOpen):
        masters.open(masters.seal(b"x", b"org_1"), b"org_2")


def test_without_a_master_key_there_is_nothing() -> None:
    with pytest.raises(ValueError, match="master key"):
        MasterKeys([])


def test_a_keyed_hash_depends_on_both_and_takes_any_text() -> None:
    known = keyed_hash(b"pepper", "secret")
    assert len(known) == 32
    assert known == keyed_hash(b"pepper", "secret")
    assert (
        len({known, keyed_hash(b"salt", "secret"), keyed_hash(b"pepper", "Secret"), keyed_hash(b"pepper", "\udcff")})
        == 4
    )
