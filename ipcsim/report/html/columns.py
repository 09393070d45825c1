"""Numbers for the page, packed: columns of 32-bit integers and a JSON head, compressed, as base64.

A column is stored as four planes of bytes (all lowest bytes, then all second ones …), which deflate
packs far better than numbers one by one; a sorted one as differences. Base64 has no character that could
end a script element, whatever a scenario's names are. `data.js` is the other side of this.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from array import array
from collections.abc import Iterable
from typing import Any

MOST = 2**31 - 1


class Columns:
    """Collects columns by name; `packed` is all of them with a head."""

    def __init__(self) -> None:
        self._columns: list[tuple[str, bool, array[int]]] = []

    def add(self, name: str, values: Iterable[int]) -> None:
        self._columns.append((name, False, array("i", values)))

    def add_sorted(self, name: str, values: Iterable[int]) -> None:
        """Values that mostly rise, stored as differences."""
        out, last = array("i"), 0
        append = out.append
        for value in values:
            append(value - last)
            last = value
        self._columns.append((name, True, out))

    def packed(self, head: dict[str, Any]) -> str:
        """Everything as text that is safe inside any element."""
        about = [[name, int(differences), len(column)] for name, differences, column in self._columns]
        raw = json.dumps({**head, "columns": about}, separators=(",", ":")).encode()
        parts = [len(raw).to_bytes(4, "little"), raw]
        for _, _, column in self._columns:
            if sys.byteorder != "little":  # pragma: no cover
                column.byteswap()
            data = column.tobytes()
            parts += [data[i::4] for i in range(4)]
        whole = b"".join(parts)
        level = 9 if len(whole) < 4_000_000 else 6
        return base64.b64encode(zlib.compress(whole, level)).decode()


class Index:
    """Things that recur, by number in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def of(self, thing: Any) -> int:
        return self._numbers.setdefault(thing, len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def things(self) -> list[Any]:
        return list(self._numbers)
