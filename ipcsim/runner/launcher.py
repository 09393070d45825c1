"""The launcher: a small process that creates the objects, forks the workers and reaps them.

It is a fresh interpreter that has loaded little, because the cost of a fork is the size of the parent:
3.6 ms a child from a process with the whole of ipcsim in memory, 0.4 ms from this one. It talks with
the supervisor in lines of JSON: requests on standard input, replies on standard output.

    created   the objects exist: their ids
    failed    one could not be created (nothing is left of the others)
    ready     every worker is forked and waits at the start
    exit      a worker is gone: its number, exit code or −signal

Ends: the supervisor's `kill`, the end of its input, or the death of the supervisor (then the kernel
kills launcher and workers, each after the object that it is making).
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import select
import signal
import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NoReturn

from ipcsim import shortages
from ipcsim.errors import EvaluationError
from ipcsim.program import Identity, Program
from ipcsim.program.codec import decode_program
from ipcsim.program.instructions import ObjectRef
from ipcsim.runner import creating, objects, owned
from ipcsim.runner.handles import Handles
from ipcsim.runner.rings import BORN, PID, WORDS, Rings
from ipcsim.runner.worker import Options, Worker, become, begin, catch_signals
from ipcsim.sysv import process as sysv_process


def reply(**message: Any) -> None:
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:  # the supervisor is gone: so are we, and the workers with us
        os._exit(1)


def main() -> None:
    """The life of a launcher. What this machine has no more of it tells, and ends; the kernel, or the
    supervisor, ends the workers then."""
    try:
        _live()
    except Exception as error:
        problem = shortages.explain(error)
        if problem is None:
            raise
        reply(cannot=str(problem))


def _live() -> None:
    requests = os.fdopen(0, "rb", buffering=0, closefd=False)
    request = json.loads(_read_line())
    supervisor = request["supervisor"]
    sysv_process.die_with_parent(supervisor)
    program = decode_program(request["program"])
    watched = tuple({pc: tuple(slots) for pc, slots in pcs} for pcs in request["watched"])
    try:
        notes = os.open(request["manifest"], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError as error:
        what = f"cannot note what the run makes in {request['manifest']}"
        reply(cannot=str(shortages.cannot(what, error, "set XDG_RUNTIME_DIR to another folder")))
        return
    options = Options(request["seed"], request["controlled"], notes, watched=watched)
    if (reason := _cannot_switch(program)) is not None:
        reply(cannot=reason)
        return
    sysv_process.become_subreaper()
    created = _create_objects(program, creating.Maker(notes, creating.LAUNCHER, supervisor))
    if created is None:
        return
    reply(created=[[ref.kind, ref.number, made.id] for ref, made in created.items()])
    try:
        ours = owned.begin(program, created, request["shared"])
    except EvaluationError as error:
        reply(cannot=str(error))
        return
    rings = Rings(len(program.processes), request["rings"])
    handles = Handles(program, {ref: made.id for ref, made in created.items()}, ours)
    workers = _Workers(program, handles, rings, options)
    try:
        workers.fork_all()
    except OSError as error:
        workers.end()
        reply(cannot=str(shortages.no_process(f"cannot start {len(program.processes):,} processes", error)))
        return
    reply(ready=True)
    workers.watch(requests.fileno())


def _cannot_switch(program: Program) -> str | None:
    """Why the processes cannot get the identities that the scenario asks for; None where they can."""
    for family in program.families:
        wanted = family.identity
        if wanted is not None and not _may_become(wanted):
            return (
                f"{family.at}: `{family.name}` is to run as uid {wanted.uid}, gid {wanted.gid}, and this "
                "user may not switch to it (it needs CAP_SETUID and CAP_SETGID); run the scenario as "
                "root (sudo)"
            )
    return None


def _may_become(identity: Identity) -> bool:
    """Tried by a child that ends at once."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            become(identity)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _read_line() -> bytes:
    """The first line of standard input. Where more comes with it, the run was over before it began."""
    parts = bytearray()
    while not parts.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            os._exit(1)
        parts += part
    if parts.find(b"\n") != len(parts) - 1:
        os._exit(1)
    return bytes(parts)


def _create_objects(program: Program, maker: creating.Maker) -> dict[ObjectRef, objects.Created] | None:
    """Create, write down and initialise everything that the run creates; all or nothing."""
    created: dict[ObjectRef, objects.Created] = {}
    for ref, declared in program.objects():
        if not declared.created_by_run:
            continue
        try:
            # a persistent object may be there from an earlier run
            made = maker.create(declared, declared.mode, exclusive=not declared.persist)
            created[ref] = made
            if made.new:
                objects.initialise(declared, made.id)
        except OSError as error:
            for other in created.values():
                if other.new:
                    objects.remove(other.kind, other.id)
            reply(failed=[ref.kind, ref.number, error.errno, str(error.strerror)])
            return None
    return created


MANY = 100  # processes from which on two fork them


class _Workers:
    """The children: forked, reaped, killed."""

    def __init__(self, program: Program, handles: Handles, rings: Rings, options: Options) -> None:
        self._program, self._handles, self._rings, self._options = program, handles, rings, options
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self._numbers: dict[int, int] = {}  # pid → process
        self._makers = creating.creators(program)
        self._start_read, self._start_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def fork_all(self) -> None:
        """Fork every worker. What they share is computed before, and they wait right after the fork:
        each page that either side touches from then on is a copy."""
        for process in {p.family: p.number for p in self._program.processes}.values():
            vars(Worker(self._program, process, self._handles, self._rings, self._options)).clear()
        catch_signals(self._program)
        gc.collect()
        gc.disable()
        gc.freeze()  # the collector must not touch, and so copy, the pages that all workers share
        wanted = [p.number for p in self._program.processes if not self._program.families[p.family].spawned]
        if len(wanted) < MANY:
            self._fork(wanted, os.getpid())
            return
        # a foreman forks the other half at the same time; it ends at once, and what it has forked
        # comes to the launcher, which is the subreaper
        launcher = os.getpid()
        foreman = os.fork()
        if foreman == 0:
            self._be_foreman(wanted[1::2], launcher)
        try:
            self._fork(wanted[::2], launcher)
        finally:
            _, status = os.waitpid(foreman, 0)
        if number := os.waitstatus_to_exitcode(status):
            raise OSError(number, os.strerror(number))

    def _be_foreman(self, wanted: list[int], launcher: int) -> NoReturn:
        """The life of a foreman, whose exit code is the errno with which it failed."""
        code = errno.EAGAIN
        try:
            self._fork(wanted, launcher)
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)

    def _fork(self, processes: list[int], launcher: int) -> None:
        control = self._rings.control
        for process in processes:
            pid = os.fork()
            if pid == 0:
                self._child(process, launcher)
            control[process * WORDS + PID] = pid
            control[process * WORDS + BORN] = 1

    def _child(self, process: int, launcher: int) -> NoReturn:
        try:
            os.close(self._start_write)
            # nothing before this: what a child touches while the others are forked slows them down
            if not os.read(self._start_read, 1):
                os._exit(1)  # the launcher has gone
            sysv_process.die_with_parent(launcher)
            signal.set_wakeup_fd(-1)  # from the start on the others may send signals
            for fd in (self._start_read, self._wake_read, self._wake_write):
                os.close(fd)
            os.dup2(self._nothing, 0)
            os.dup2(self._nothing, 1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._handles.attach_all(process)
        except BaseException as error:
            os._exit(70 if shortages.explain(error) is None else shortages.EXIT)
        begin(self._program, process, self._handles, self._rings, replace(self._options, launcher=launcher))

    def watch(self, requests: int) -> None:
        """Serve the supervisor until it says `kill` or goes away; every worker is reaped on return."""
        buffer = b""
        while True:
            ready, _, _ = select.select([requests, self._wake_read], [], [])
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap(os.WNOHANG)
            if requests in ready:
                part = os.read(requests, 4096)
                buffer += part
                *lines, buffer = buffer.split(b"\n")
                if not part or any(self._obey(json.loads(line)) for line in lines):
                    break
        self.end()

    def _obey(self, request: dict[str, Any]) -> bool:
        """Do what is asked; True where that is to stop."""
        if request.get("go"):
            os.write(self._start_write, b"g" * self._rings.processes)
            os.close(self._start_write)
        if (victim := request.get("signal")) is not None:
            process, number = victim
            if pid := self._rings.control[process * WORDS + PID]:  # not reaped yet: certainly its own
                makers = self._makers if number == signal.SIGKILL else []
                with self._kept_out({process} & set(makers)):
                    os.kill(pid, number)
        return bool(request.get("kill"))

    def _reap(self, flags: int) -> None:
        """Reap who has ended, and report it. The pid is cleared before it can become another's."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | flags)
            except ChildProcessError:
                return
            if ended is None:
                return
            process = self._numbers.pop(ended.si_pid, None)
            if process is None:
                process = self._number_of(ended.si_pid)
            if process is not None:
                self._rings.control[process * WORDS + PID] = 0
            _, status = os.waitpid(ended.si_pid, 0)
            if process is not None:
                reply(exit=[process, os.waitstatus_to_exitcode(status)])

    def _number_of(self, pid: int) -> int | None:
        """The process that runs as `pid`, by the control blocks; all of them are then known."""
        words = self._rings.control
        self._numbers = {p_id: p for p in range(self._rings.processes) if (p_id := words[p * WORDS + PID])}
        return self._numbers.pop(pid, None)

    def end(self) -> None:
        """Kill until no child is left: one that was just being spawned comes to us as its subreaper."""
        with self._kept_out(self._makers):
            while children := self._children():
                for pid in children:
                    os.kill(pid, signal.SIGKILL)  # not reaped yet, so certainly ours
                time.sleep(0.001)
                self._reap(os.WNOHANG)

    def _kept_out(self, processes: Collection[int]) -> AbstractContextManager[bool]:
        """Wait for those who are making an object, and let nobody begin to; whom somebody has stopped in
        the middle of it goes on."""
        return creating.kept_out(self._rings.fd, processes, creating.PATIENCE, self._continue)

    def _continue(self, process: int) -> None:
        if pid := self._rings.control[process * WORDS + PID]:  # not reaped yet: certainly its own
            os.kill(pid, signal.SIGCONT)

    def _children(self) -> list[int]:
        me = os.getpid()
        try:
            with open(f"/proc/{me}/task/{me}/children") as file:
                return [int(pid) for pid in file.read().split()]
        except OSError:  # a kernel without CONFIG_PROC_CHILDREN
            words = self._rings.control
            return [pid for p in range(self._rings.processes) if (pid := words[p * WORDS + PID])]


if __name__ == "__main__":
    main()
