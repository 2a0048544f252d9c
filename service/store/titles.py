"""The index of titles: which incidents may contain a text, without reading every title.

Ids are cut into blocks. In a full block, each three successive characters of a title lead to one of a few thousand
slots, and a slot lists its incidents: a title that contains a text is in every slot of that text. Slots are shared, so
a query compares the titles of these candidates as well. Blocks are indexed in the background, not on the way of a
webhook; the titles of the other blocks are read.
"""

import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import and_
from typing import Any
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, Dialect, bindparam, delete, false, func, insert, or_, select

from service.store import tables as t
from service.store.statements import Insert, Read, Write, among

BLOCK = 8192
"""How many ids a block has. SQLite reads as many titles in 2 ms."""
MOST_UNREAD = 4
"""With more blocks than that to read, a search reads all titles."""
MOST_CANDIDATES = 1000
"""A text that more titles may contain is found sooner by reading titles from the newest on."""
_SLOTS = 4096
_MOST_SLOTS = 24
"""So many slots of a text are compared; more would hardly exclude more."""
_SLOTS_AT_ONCE, _BLOCKS_AT_ONCE = 6, 16
"""What is read at once: further slots only of blocks that may have the text, older blocks only if it is not common."""
_c = t.incidents.c


@dataclass(frozen=True, slots=True)
class BlockIndex:
    """The rows that index a block, made from the titles that it had, in lower case."""

    block: int
    titles: Sequence[tuple[int, str]]
    rows: Sequence[dict[str, Any]]


def contains(text: str, dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition that the title contains `text` in any case. SQLite's LIKE does, twice as fast as `lower`."""
    if dialect.name == "sqlite":
        return _c.title.contains(text, autoescape=True)
    return _c.title.icontains(text, autoescape=True)


def candidates(connection: Connection, text: str) -> list[int] | None:
    """Return the ids of all incidents whose title contains a text, and perhaps of others.

    None for texts that are short or in many titles, or if too little is indexed: reading titles is then faster.
    """
    indexed = _indexed(connection)
    if not indexed:
        return None
    lowered, newest = connection.execute(select(func.lower(text), func.max(_c.id))).one()
    slots, unread = sorted(_slots_of(lowered)), _others(indexed, newest or 0)
    if not slots or len(unread) > MOST_UNREAD:
        return None
    ids: list[int] = []
    for block, members in _in_all(connection, indexed, slots[:: -(-len(slots) // _MOST_SLOTS)]):
        if len(ids) + members.bit_count() > MOST_CANDIDATES:
            return None
        ids += (block * BLOCK + position for position in _positions(members))
    in_unread = or_(false(), *map(_within, unread))
    matching = select(_c.id).where(in_unread, contains(text, connection.dialect)).limit(MOST_CANDIDATES)
    ids += connection.scalars(matching)
    return ids if len(ids) < MOST_CANDIDATES else None


def next_block(connection: Connection) -> BlockIndex | None:
    """Return the index of a full block that has none, or None if there is no such block."""
    newest = connection.scalar(select(func.max(_c.id))) or 0
    full = [block for block in _others(_indexed(connection), newest) if block < newest // BLOCK]
    if not full:
        return None
    titles = _titles(connection, full[0])
    return BlockIndex(full[0], titles, list(_rows(full[0], titles)))


def write_block(connection: Connection, index: BlockIndex) -> None:
    """Store the index of a block, unless its titles have changed meanwhile or another replica was faster."""
    if index.block not in _indexed(connection) and _titles(connection, index.block) == index.titles:
        _DELETE_SLOTS.run(connection, [{"b_first": index.block * _SLOTS, "b_last": (index.block + 1) * _SLOTS - 1}])
        _INSERT_SLOT.run(connection, index.rows)
        _INSERT_BLOCK.run(connection, [{"block": index.block}])


def forget_blocks(connection: Connection, incident_ids: Iterable[int]) -> None:
    """Have the blocks of incidents indexed again, whose titles changed or that were deleted."""
    _DELETE_BLOCK.run(connection, [{"b_block": block} for block in sorted({i // BLOCK for i in incident_ids})])


def _indexed(connection: Connection) -> list[int]:
    """Return the blocks that are indexed, the newest first."""
    return [row.block for row in _READ_BLOCKS.rows(connection)]


def _others(indexed: Collection[int], newest_id: int) -> list[int]:
    """Return the blocks that are not indexed, in order."""
    return sorted(set(range(newest_id // BLOCK + 1)).difference(indexed))


def _within(block: int) -> ColumnElement[bool]:
    return _c.id.between(block * BLOCK, (block + 1) * BLOCK - 1)


def _titles(connection: Connection, block: int) -> list[tuple[int, str]]:
    """Return the ids of a block and their titles, in lower case by the same function as the text of a search."""
    query = select(_c.id, func.lower(_c.title)).where(_within(block)).order_by(_c.id)
    return [(incident_id, title) for incident_id, title in connection.execute(query)]


def _slots_of(text: str) -> set[int]:
    """Return the slots of a text: one for each three successive characters, so none for a shorter text."""
    characters = text.encode("utf-32-le")
    return {crc32(characters[i : i + 12]) % _SLOTS for i in range(0, len(characters) - 8, 4)}


def _rows(block: int, titles: Iterable[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    by_title: dict[str, list[int]] = defaultdict(list)
    for incident_id, title in titles:
        by_title[title].append(incident_id - block * BLOCK)
    members: dict[int, list[int]] = defaultdict(list)
    for title, positions in by_title.items():
        for slot in _slots_of(title):
            members[slot] += positions
    for slot, positions in sorted(members.items()):
        yield {"slot": block * _SLOTS + slot, "members": _packed(positions)}


def _packed(positions: Collection[int]) -> bytes:
    """Return a bit for each position of the block, or the positions themselves if that is shorter."""
    if 2 * len(positions) < BLOCK // 8:
        return struct.pack(f"<{len(positions)}H", *positions)
    return _bits(positions)


def _bits(positions: Iterable[int]) -> bytes:
    bits = bytearray(BLOCK // 8)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)


def _unpacked(packed: bytes) -> int:
    """Return the positions as the bits of a number."""
    if len(packed) < BLOCK // 8:
        packed = _bits(struct.unpack(f"<{len(packed) // 2}H", packed))
    return int.from_bytes(packed, "little")


def _positions(members: int) -> Iterator[int]:
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest


def _in_all(connection: Connection, blocks: Sequence[int], slots: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the blocks with positions that are in all slots, and these; blocks are read as they are asked for."""
    for begin in range(0, len(blocks), _BLOCKS_AT_ONCE):
        yield from _common(connection, blocks[begin : begin + _BLOCKS_AT_ONCE], slots).items()


def _common(connection: Connection, blocks: Collection[int], slots: Sequence[int]) -> dict[int, int]:
    first, others = slots[:_SLOTS_AT_ONCE], slots[_SLOTS_AT_ONCE:]
    rows = _READ_SLOTS.among(connection, [block * _SLOTS + slot for block in blocks for slot in first])
    members: dict[int, int] = {}
    for block, of_block in groupby(rows, lambda row: int(row.slot) // _SLOTS):
        packed = [row.members for row in of_block]
        if len(packed) == len(first) and (common := reduce(and_, map(_unpacked, packed))):
            members[block] = common
    if not members or not others:
        return members
    return {block: common & members[block] for block, common in _common(connection, members, others).items()}


_READ_BLOCKS = Read(lambda _: select(t.title_blocks).order_by(t.title_blocks.c.block.desc()))
_READ_SLOTS = Read(
    lambda dialect: select(t.title_slots).where(among(t.title_slots.c.slot, dialect)).order_by(t.title_slots.c.slot)
)
_INSERT_SLOT = Insert(lambda _: insert(t.title_slots))
_DELETE_SLOTS = Write(
    lambda _: delete(t.title_slots).where(t.title_slots.c.slot.between(bindparam("b_first"), bindparam("b_last")))
)
_INSERT_BLOCK = Insert(lambda _: insert(t.title_blocks))
_DELETE_BLOCK = Write(lambda _: delete(t.title_blocks).where(t.title_blocks.c.block == bindparam("b_block")))
