"""An inventory of System V objects as text or JSON, for `ipcsim ipcs`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ipcsim.report import words
from ipcsim.report.page import Page
from ipcsim.runner.inventory import Inventory, Item, Run, Waiting
from ipcsim.runner.sleepers import Operations, Receiving, Sending, Sleeper
from ipcsim.sysv.tables import QueueRow, Row, SegmentRow, SetRow
from ipcsim.version import __version__

Names = dict[int, str]  # of users, by uid
_SHOWN_OPERATIONS = 6


def render(inventory: Inventory, users: Names, width: int = 80, color: bool = False) -> str:
    """The three tables of ipcs(1), then who sleeps where."""
    page = Page(width, color)
    if inventory.of is not None:
        page.line(f"{_run(inventory.of)}: IPC namespace {inventory.namespace}")
    queues = [(*_start(i, users), f"{i.row.cbytes}", f"{i.row.qnum}", *_end(i)) for i in inventory.queues]
    _table(page, "message queues", ("bytes", "messages"), queues)
    segments = [
        (*_start(i, users), f"{i.row.size}", f"{i.row.nattch}", _status(i.row), *_end(i))
        for i in inventory.segments
    ]
    _table(page, "shared memory segments", ("bytes", "nattch", "status"), segments)
    sets = [(*_start(i, users), f"{i.row.nsems}", *_end(i)) for i in inventory.sets]
    _table(page, "semaphore sets", ("nsems",), sets)
    _asleep(page, inventory)
    if inventory.elsewhere:
        page.blank()
        page.line(("runs in other namespaces", "bold"))
        page.columns(
            [(_run(r), f"ipcsim ipcs --run {r.pid}") for r in inventory.elsewhere], indent=2, styles=("cyan",)
        )
    return page.text()


def _table(page: Page, title: str, columns: Sequence[str], rows: list[tuple[str, ...]]) -> None:
    page.blank()
    page.line((title, "bold"), "" if rows else ": none")
    if rows:
        head = ("key", "id", "owner", "perms", *columns, "run", "object")
        page.columns([head, *rows], indent=2, wrap=len(head) - 2, least=12)


def _start(item: Item[Row], users: Names) -> tuple[str, ...]:
    row = item.row
    return _key(row.key), str(row.id), users.get(row.uid, str(row.uid)), f"{row.permissions:04o}"


def _end(item: Item[Row]) -> tuple[str, str]:
    if item.run is None:
        return "-", "-"
    return _run(item.run), item.name or "-"


def _run(run: Run) -> str:
    return f"{run.scenario} ({run.pid}{'' if run.alive else ', dead'})"


def _key(key: int) -> str:
    return f"0x{key & 0xFFFFFFFF:08x}"


def _status(row: SegmentRow) -> str:
    return " ".join(w for w, there in (("dest", row.dest), ("locked", row.locked)) if there)


# --- who sleeps ---


def _asleep(page: Page, inventory: Inventory) -> None:
    rows: list[tuple[str, str, str]] = []
    for kind, items in _kinds(inventory):
        for item in items:
            place = f"{kind} {item.name or item.row.id}"
            rows += [(who(w), place, what(w)) for w in item.waiting]
            if item.unseen:
                hidden = words.count(item.unseen, "process", "processes")
                rows.append((f"{hidden} more", place, "not shown by /proc to this user"))
    page.blank()
    page.line(("asleep", "bold"), "" if rows else ": nobody, as far as /proc shows")
    page.columns(rows, indent=2, styles=("cyan",), wrap=2)


def _kinds(inventory: Inventory) -> Iterable[tuple[str, Iterable[Item[Row]]]]:
    return (("queue", inventory.queues), ("set", inventory.sets))


def who(waiting: Waiting) -> str:
    """`philosopher[2] (4711)`; a thread that is not the first of its process is named as well."""
    sleeper = waiting.sleeper
    thread = "" if sleeper.pid == sleeper.tid else f", thread {sleeper.tid}"
    return f"{waiting.process or sleeper.command} ({sleeper.pid}{thread})"


def what(waiting: Waiting) -> str:
    """What it sleeps for: `P: fork[2]`, `msgrcv of type 3`."""
    match waiting.sleeper.call:
        case Operations(operations=operations, timed=timed):
            return _operations(waiting, operations) + (", with a timeout" if timed else "")
        case Sending(type=type_, size=size):
            kind = "" if type_ is None else f" of type {type_}"
            return f"msgsnd{kind}, {words.count(size, 'byte')}: the queue is full"
        case Receiving(type=0):
            return "msgrcv of any type"
        case Receiving(type=type_, exclude=True):
            return f"msgrcv of any type but {type_}"
        case Receiving(type=type_) if type_ < 0:
            return f"msgrcv of the lowest type up to {-type_}"
        case Receiving(type=type_):
            return f"msgrcv of type {type_}"


def _operations(waiting: Waiting, operations: tuple[tuple[int, int], ...]) -> str:
    if not operations:
        return "semop"
    texts = [_operation(name, delta) for name, (_, delta) in zip(waiting.on, operations, strict=True)]
    if len(texts) == 1:
        return texts[0]
    blocked = waiting.blocked
    shown = ", ".join(texts[:_SHOWN_OPERATIONS]) + (", …" if len(texts) > _SHOWN_OPERATIONS else "")
    return f"[{shown}]" + (f", waits for {texts[blocked]}" if blocked is not None else "")


def _operation(name: str, delta: int) -> str:
    if delta == 0:
        return f"Z: {name}"
    units = "" if abs(delta) == 1 else f" by {abs(delta)}"
    return f"{'P' if delta < 0 else 'V'}: {name}{units}"


# --- JSON ---


def as_json(inventory: Inventory, users: Names) -> dict[str, Any]:
    """The same as one JSON object, with every field of the tables."""
    return {
        "ipcsim": __version__,
        "command": "ipcs",
        "namespace": inventory.namespace,
        "run": _run_json(inventory.of),
        "queues": [_item(i, users, cbytes=i.row.cbytes, qnum=i.row.qnum, lspid=i.row.lspid, lrpid=i.row.lrpid,
                         stime=i.row.stime, rtime=i.row.rtime) for i in inventory.queues],
        "segments": [_segment(i, users) for i in inventory.segments],
        "semaphores": [_set(i, users) for i in inventory.sets],
        "elsewhere": [_run_json(r) for r in inventory.elsewhere],
    }  # fmt: skip


def _segment(item: Item[SegmentRow], users: Names) -> dict[str, Any]:
    row = item.row
    return _item(
        item, users, size=row.size, nattch=row.nattch, dest=row.dest, locked=row.locked, cpid=row.cpid,
        lpid=row.lpid, atime=row.atime, dtime=row.dtime,
    )  # fmt: skip


def _set(item: Item[SetRow], users: Names) -> dict[str, Any]:
    values = None if item.values is None else list(item.values)
    return _item(
        item, users, nsems=item.row.nsems, otime=item.row.otime, values=values, unseen_sleepers=item.unseen
    )


def _item(item: Item[QueueRow | SegmentRow | SetRow], users: Names, **more: Any) -> dict[str, Any]:
    row = item.row
    return {
        "key": _key(row.key),
        "id": row.id,
        "owner": users.get(row.uid),
        "uid": row.uid,
        "gid": row.gid,
        "cuid": row.cuid,
        "cgid": row.cgid,
        "mode": f"{row.permissions:04o}",
        "ctime": row.ctime,
        **more,
        "run": _run_json(item.run),
        "object": item.name,
        "sleepers": [_sleeper(w) for w in item.waiting],
    }


def _run_json(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "scenario": run.scenario,
        "pid": run.pid,
        "alive": run.alive,
        "isolated": run.isolated,
        "namespace": run.namespace,
    }


def _sleeper(waiting: Waiting) -> dict[str, Any]:
    sleeper: Sleeper = waiting.sleeper
    data: dict[str, Any] = {
        "pid": sleeper.pid,
        "tid": sleeper.tid,
        "command": sleeper.command,
        "process": waiting.process,
        "waits_for": what(waiting),
    }
    match sleeper.call:
        case Operations(operations=operations, timed=timed):
            data |= {
                "call": "semop",
                "operations": [
                    {"number": number, "delta": delta, "semaphore": name}
                    for name, (number, delta) in zip(waiting.on, operations, strict=True)
                ],
                "blocked": waiting.blocked,
                "timed": timed,
            }
        case Sending(type=type_, size=size):
            data |= {"call": "msgsnd", "type": type_, "size": size}
        case Receiving(type=type_, exclude=exclude):
            data |= {"call": "msgrcv", "type": type_, "exclude": exclude}
    return data
