"""The manifest of a run: who runs it, and every kernel object that it created.

One file a run, a line of JSON each: first the supervisor (pid, start time, IPC namespace, boot), then
each object twice, before it is made (see `intents`) and when its id is known, and the pids of the
workers. So what exists can always be found. The run deletes the file when it has removed everything;
`ipcsim clean` does so for runs whose supervisor is gone. Where an object is meant to outlive the run, so
does its manifest. While the run goes on, `compaction` strikes out what has been removed.

What is read back may be damaged (a full disk, an editor): every field is checked.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ipcsim import shortages
from ipcsim.errors import EnvironmentProblem
from ipcsim.program import Program
from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import intents, liveness, objects
from ipcsim.runner.identity import Birth, birth
from ipcsim.runner.intents import Intent
from ipcsim.runner.objects import Created
from ipcsim.sysv import namespaces

LARGEST = 2**30  # bytes of a manifest that are read: more than all processes make before they must wait
_INT = 2**31
_BESIDE = ".new.jsonl"


def folder() -> Path:
    """Where this user's manifests are: private to the user, and gone after a reboot at the latest.

    Raises `EnvironmentProblem` where a stranger has put something else in the place.
    """
    root = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(root) if root and os.access(root, os.W_OK) else Path("/tmp")
    path = base / f"ipcsim-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except FileExistsError:
        found = path.lstat()
    except OSError as error:
        raise shortages.cannot(
            f"cannot make the folder {path} for notes about runs",
            error,
            "set XDG_RUNTIME_DIR to a folder that you may write to",
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EnvironmentProblem(
            f"{path} is not a private folder of this user; remove it, or set XDG_RUNTIME_DIR"
        )
    return path


def namespace() -> str:
    """This process's IPC namespace, as in `ipc:[4026531839]`."""
    try:
        return namespaces.ipc()
    except OSError as error:
        raise _no_proc(error) from None


def boot() -> str:
    """What tells this boot of the machine from every other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError as error:
        raise _no_proc(error) from None


def _no_proc(error: OSError) -> EnvironmentProblem:
    return shortages.cannot(
        f"cannot read {error.filename}",
        error,
        "runs are told apart, and watched, by /proc: mount it (mount -t proc proc /proc)",
    )


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest as read back. `births[i]` is what was noted of `objects[i]`; `members` are the
    names of the semaphores of each set in order, `workers` the processes' names by pid."""

    path: Path
    owner: dict[str, Any]
    objects: tuple[Created, ...]
    touched: float  # when its run last gave a sign of life, seconds since the epoch
    births: tuple[Birth | None, ...] = ()
    members: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    workers: dict[int, str] = field(default_factory=dict)
    over: bool = False  # it ended in order, and something of it persists
    open: dict[int, Intent] = field(default_factory=dict)  # by process: what it may have made besides

    @property
    def alive(self) -> bool:
        """Whether this run goes on: its supervisor exists (which may go on after the run), or one of its
        processes is making an object just now. It does where nobody can tell (see `liveness`)."""
        if self.over or self.owner["boot"] != boot():
            return False
        return self._supervised or any(
            intent.pid is not None and liveness.start_time(intent.pid) is not None
            for intent in self.open.values()
        )

    @property
    def _supervised(self) -> bool:
        path, locked = original(self.path), self.owner.get("locked") is True
        return liveness.goes_on(path, self.pid, self.owner["started"], _pids(self.owner), locked)

    @property
    def pid(self) -> int:
        """The supervisor."""
        return int(self.owner["pid"])

    @property
    def scenario(self) -> str:
        return str(self.owner.get("scenario", "?"))

    @property
    def isolated(self) -> bool:
        """Whether the run had an IPC namespace of its own."""
        return self.owner.get("isolated") is True

    @property
    def namespace_id(self) -> int | None:
        """The number of the run's IPC namespace that no later one gets, where it was known."""
        known = self.owner.get("namespace_id")
        return known if _is_int(known, 0, 2**64) else None

    @property
    def here(self) -> bool:
        """Whether the run was in the IPC namespace of this process."""
        return self.inside(namespace(), namespaces.unique())

    def inside(self, name: str, unique: int | None) -> bool:
        """Whether the run was in that namespace: the name may be that of a later one."""
        known = self.namespace_id
        same = unique is None or known is None or unique == known
        return bool(self.owner["boot"] == boot() and self.owner["namespace"] == name and same)

    def member(self, set_name: str, number: int) -> str | None:
        """The name of semaphore `number` of a set, as in `fork[3]`."""
        for name, count in self.members.get(set_name, ()):
            size = max(1, count)
            if number < size:
                return f"{name}[{number}]" if count else name
            number -= size
        return None


# --- writing ---


def begin(program: Program, isolated: bool = False) -> Path:
    """A new manifest for a run that this process supervises."""
    owner = {
        "pid": os.getpid(),
        "started": liveness.start_time("self"),
        "pid_namespace": liveness.pid_namespace() or "",
        "namespace": namespace(),
        "namespace_id": namespaces.unique(),
        "isolated": isolated,
        "boot": boot(),
        "scenario": program.name,
        "time": time.time(),
        "members": {s.name: [[m.name, m.count or 0] for m in s.members] for s in program.sets},
    }
    path = folder() / f"{os.getpid()}-{time.time_ns()}.jsonl"
    try:
        path.touch(mode=0o600)
        owner["locked"] = liveness.claim(path)
        path.write_bytes(line(owner))
    except OSError as error:
        liveness.release(path)
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise shortages.cannot(
            f"cannot note the run in {path.parent}", error, "make room there, or set XDG_RUNTIME_DIR"
        ) from None
    return path


def append(path: str | Path | int, created: Created, by: int | None = None) -> None:
    """Note an object that was just made (`by` a process that has noted an intent); one write, so that
    several processes can. `path` may be a descriptor open for appending, for a process that may no longer
    open the file.

    Where that fails (a full disk) the object is removed again: what is not written down would be left
    behind. Raises OSError then.
    """
    try:
        _append(path, object_line(created, birth(created), by))
    except OSError:
        if created.new:
            with suppress(OSError):
                objects.remove(created.kind, created.id)
        raise


def note_intent(notes: int, by: int, intent: Intent) -> None:
    """Note what process `by` is about to make. OSError where that fails: it may not make it then."""
    _append(notes, intent_line(by, intent))


def note_nothing(notes: int, by: int) -> None:
    """Note that nothing came of the last intent of process `by`."""
    with suppress(OSError):  # the next one says it, too
        _append(notes, line({"by": by, "made": None}))


def note_workers(path: Path, workers: dict[int, str]) -> None:
    """Note the names of processes by their pids, for those who look from outside."""
    with suppress(OSError):  # nothing depends on it
        _append(path, line({"workers": workers}))


def finish(path: Path) -> None:
    """The run is over: forget it, unless something of it is meant to stay."""
    try:
        found = read(path)
        stays = not found.isolated and any(
            o.persist and o.new and objects.exists(o.kind, o.id) for o in found.objects
        )
    except (OSError, ValueError):
        stays = False
    with suppress(OSError):
        if stays:
            _append(path, line({"over": True}))
        else:
            path.unlink(missing_ok=True)
        beside(path).unlink(missing_ok=True)
    liveness.release(path)


def line(data: dict[str, Any]) -> bytes:
    """One line of a manifest."""
    return json.dumps(data).encode() + b"\n"


def object_line(created: Created, born: Birth | None, by: int | None = None) -> bytes:
    """The line of an object, which answers the intent of process `by`."""
    known = {} if born is None else {"birth": asdict(born)}
    return line(asdict(created) | known | ({} if by is None else {"by": by}))


def intent_line(by: int, intent: Intent) -> bytes:
    """The line of what process `by` is about to make."""
    return line({"by": by, "about": intents.as_data(intent)})


def beside(path: Path) -> Path:
    """Where a manifest is while `compaction` rewrites it: read like any other."""
    return path.with_name(f"{path.stem}{_BESIDE}")


def original(path: Path) -> Path:
    """The manifest that `path` is, or stands beside."""
    return path.with_name(path.name.replace(_BESIDE, ".jsonl"))


def _append(path: str | Path | int, data: bytes) -> None:
    fd = path if isinstance(path, int) else os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        if os.write(fd, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        if fd != path:
            os.close(fd)


# --- reading ---


def read(path: Path) -> Manifest:
    """Raises ValueError where the file is no manifest; lines that are damaged are left out."""
    text, touched = _text(path)
    first, *lines = text.split("\n")
    owner = _object(first)
    if owner is None or not _is_owner(owner):
        raise ValueError(f"{path} is not a manifest")
    made: list[tuple[Created, Birth | None]] = []
    workers: dict[int, str] = {}
    waiting: dict[int, Intent] = {}
    over = False
    known = _pids(owner) == liveness.pid_namespace()  # else a pid means nothing here
    for text_line in lines[:-1]:  # the last one is being written, or cut short
        data = _object(text_line)
        if data is None:
            continue
        by: Any = data.get("by")
        if _is_int(by, -1, _INT):
            waiting.pop(by, None)
        if (intent := intents.from_data(data.get("about"))) is not None and _is_int(by, -1, _INT):
            waiting[by] = intent if known else replace(intent, pid=None)
        elif data.get("over") is True:
            over = True
        elif isinstance(named := data.get("workers"), dict):
            workers |= {int(k): str(v) for k, v in named.items() if k.isdecimal() and len(k) < 12}
        elif (created := _created(data)) is not None:
            born = _birth(data.get("birth"))
            made.append((created, born if known or born is None else replace(born, cpid=None)))
    return Manifest(
        path,
        owner,
        tuple(created for created, _ in made),
        touched,
        tuple(born for _, born in made),
        _members(owner),
        workers,
        over,
        waiting,
    )


def all_manifests() -> list[Manifest]:
    """Every readable manifest of this user, oldest first."""
    found = []
    for path in sorted(folder().glob("*.jsonl")):
        try:
            found.append(read(path))
        except (ValueError, OSError):
            continue  # being written this moment, or not ours
    return found


def _text(path: Path) -> tuple[str, float]:
    """The text of a plain file, and when it was last touched."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, encoding="utf-8") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise ValueError(f"{path} is not a manifest")
        return file.read(), found.st_mtime


def _object(line: str) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_owner(data: dict[str, Any]) -> bool:
    texts = all(isinstance(data.get(k), str) for k in ("namespace", "boot"))
    return texts and _is_int(data.get("pid"), 1, _INT) and _is_int(data.get("started"), 0, 2**63)


def _pids(owner: dict[str, Any]) -> str | None:
    """The pid namespace in which the run's pids are meant; that of this process where nothing is said."""
    said = owner.get("pid_namespace")
    return (said or None) if isinstance(said, str) else liveness.pid_namespace()


def _is_int(value: object, least: int, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < limit


def _created(data: dict[str, Any]) -> Created | None:
    name, kind = data.get("name"), data.get("kind")
    if not isinstance(name, str) or not isinstance(kind, str) or kind not in set(ObjectKind):
        return None
    if not _is_int(data.get("id"), 0, _INT) or not _is_int(data.get("key"), -_INT, 2 * _INT):
        return None
    # a run removes only what it made; where that is not said it was found
    new, persist = data.get("new") is True, data.get("persist") is not False
    return Created(ObjectKind(kind), name, data["id"], data["key"], new, persist)


def _birth(data: object) -> Birth | None:
    if not isinstance(data, dict):
        return None
    values = [data.get(k) for k in ("ctime", "cuid", "cgid", "size", "cpid")]
    if not all((v is None and i > 2) or _is_int(v, 0, 2**63) for i, v in enumerate(values)):
        return None
    ctime, cuid, cgid, size, cpid = values
    return Birth(ctime, cuid, cgid, size, cpid)  # type: ignore[arg-type]


def _members(owner: dict[str, Any]) -> dict[str, list[tuple[str, int]]]:
    data = owner.get("members")
    found: dict[str, list[tuple[str, int]]] = {}
    for name, members in data.items() if isinstance(data, dict) else ():
        pairs = members if isinstance(members, list) else []
        found[str(name)] = [
            (str(p[0]), p[1]) for p in pairs if isinstance(p, list) and len(p) == 2 and _is_int(p[1], 0, _INT)
        ]
    return found
