"""Cursors: back and forth for any place, and nothing but what this server made for this very list."""

import base64
import hashlib
import json
import string

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from service.api import cursors
from service.errors import BadCursor
from tests.service.api.problem import assert_problem
from tests.service.fleet import Fleet

NUMBER = (int, float)
KINDS = (NUMBER, str)
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(-1e18, 1e18)
places = st.tuples(numbers, st.text(string.ascii_letters + string.digits, max_size=40))
scopes = st.text(max_size=30)


@given(places, scopes)
def test_a_place_comes_back_exactly(place: tuple[float, str], scope: str) -> None:
    cursor = cursors.encode(place, scope)
    assert cursors.decode(cursor, scope, KINDS) == place
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


@given(places, st.data())
def test_no_character_may_change(place: tuple[float, str], data: st.DataObject) -> None:
    cursor = cursors.encode(place, "list")
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters(exclude_characters=cursor[at]))
    for changed in (cursor[:at] + other + cursor[at + 1 :], cursor[:at] + other + cursor[at:], cursor[:at]):
        with pytest.raises(BadCursor):
            cursors.decode(changed, "list", KINDS)


@given(places, st.data())
def test_no_bit_may_change(place: tuple[float, str], data: st.DataObject) -> None:
    cursor = cursors.encode(place, "list")
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadCursor):
        cursors.decode(base64.urlsafe_b64encode(raw).decode().rstrip("="), "list", KINDS)


@given(places, scopes, scopes)
def test_a_cursor_of_another_list_is_refused(place: tuple[float, str], scope: str, other: str) -> None:
    if scope != other:
        with pytest.raises(BadCursor):
            cursors.decode(cursors.encode(place, scope), other, KINDS)


@given(st.text(max_size=100))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    with pytest.raises(BadCursor):
        cursors.decode(text, "list", KINDS)


FORGED = [
    b"",
    b"5",
    b"nothing",
    b"{}",
    b"null",
    b"[]",
    b"[1]",
    b'[1,"a",2]',
    b'["a",1]',
    b'[true,"a"]',
    b'[NaN,"a"]',
    b'[Infinity,"a"]',
    b'[1e999,"a"]',
    b'[1,"\\u0000"]',
    b'[1, "a"]',
    b'[1,["a"]]',
    b"[1" + b"0" * 40 + b',"a"]',
    b"[1" + b"0" * 5000 + b',"a"]',
    b"[" * 100_000,
    b"\xff\xfe",
]


def forged(payload: bytes, scope: str) -> str:
    """What somebody who read our source would send: the checksum is right."""
    checksum = hashlib.sha256(scope.encode() + b"\0" + payload).digest()[: cursors.CHECKSUM_BYTES]
    return base64.urlsafe_b64encode(checksum + payload).decode().rstrip("=")


@pytest.mark.parametrize("payload", FORGED, ids=range(len(FORGED)))
def test_a_forged_cursor_is_refused(payload: bytes) -> None:
    with pytest.raises(BadCursor):
        cursors.decode(forged(payload, "list"), "list", KINDS)


def test_the_forgery_is_good_enough() -> None:
    assert cursors.decode(forged(b'[1,"a"]', "list"), "list", KINDS) == (1, "a")


def test_every_list_refuses_the_cursor_of_another(client: TestClient, fleet: Fleet) -> None:
    first, second = fleet.submit(), fleet.submit()
    for number in range(8):
        fleet.must_lease(f"w{number}")
    lists = [
        "/v1/searches?",
        "/v1/searches?state=running&",
        f"/v1/searches/{first}/trials?",
        f"/v1/searches/{second}/trials?",
        f"/v1/searches/{first}/trials?state=running&",
        f"/v1/searches/{first}/leaderboard?",
        f"/v1/searches/{first}/leaderboard?sort=macs&",
        f"/v1/searches/{first}/leaderboard?sort=-macs&",
        f"/v1/searches/{first}/leaderboard?where=macs%20%3E%200&",
        f"/v1/searches/{second}/leaderboard?",
    ]
    made = [client.get(f"{address}limit=1").json()["next_cursor"] for address in lists]
    assert all(made)
    for own, address in enumerate(lists):
        for number, cursor in enumerate(made):
            answer = client.get(f"{address}limit=1&cursor={cursor}")
            if number == own:
                assert answer.status_code == 200
            else:
                assert_problem(answer, 400, "bad-cursor")
        for cursor in ("x", "%00", "ü", made[own][:-1], made[own] + "A", json.dumps([1])):
            assert_problem(client.get(address, params={"cursor": cursor}), 400, "bad-cursor")
