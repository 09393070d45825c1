"""A worker: one process of the scenario, executing its instructions on real kernel objects.

Each instruction becomes a closure that does it, records it and returns the next pc; `run` calls one
after the other. What never changes (a semaphore number, a whole sembuf array, a message) is prepared
once, so that the hot path is: record, call, record.

A worker leaves by `os._exit` only: it is a fork of the launcher and must not run the launcher's ends.
"""

from __future__ import annotations

import errno
import mmap
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from ipcsim import shortages
from ipcsim.errors import EvaluationError
from ipcsim.facts.signals import ACTING
from ipcsim.program import Identity, Program
from ipcsim.program.constants import constant_locals
from ipcsim.program.expressions import Const, Evaluator, Expr, Locals, bounded, compile_expression, fold
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Choose,
    Crash,
    Exit,
    Instruction,
    Jump,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Pause,
    Phase,
    Receive,
    Repeat,
    Semop,
    Send,
    Signal,
    Store,
)
from ipcsim.program.objects import IpcObject
from ipcsim.runner import calls, control, creating, news
from ipcsim.runner.handles import Handles
from ipcsim.runner.objects import key_of
from ipcsim.runner.rings import (
    ATPC,
    BEGUN,
    BORN,
    GATE,
    GRANT,
    ORDER,
    PID,
    STRIKE,
    WORDS,
    Rings,
    emit_data,
    emitter,
)
from ipcsim.sysv import process as sysv_process
from ipcsim.sysv.libc import errno_name
from ipcsim.trace import EventKind, head

Step = Callable[[], int]

# Exit codes of a worker that did not end by its own `exit`; the trace says what happened.
EXIT_ERRNO, EXIT_EVALUATION, EXIT_ASSERTION = 97, 98, 99
FAILED = -1  # errno field of a STEP whose evaluation failed
FAILED_WORD = FAILED << 40


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker must know of its run besides the Program: see `RunSettings`."""

    seed: int
    controlled: bool
    manifest: int  # a descriptor open for appending, also for those who may not open the file
    launcher: int = 0  # its pid
    watched: tuple[dict[int, tuple[int, ...]], ...] = ()  # by family: see `analysis.idle`


def begin(program: Program, process: int, handles: Handles, rings: Rings, options: Options) -> NoReturn:
    """The life of a worker that has just been forked; never returns, whatever happens."""
    try:
        identity = program.families[program.processes[process].family].identity
        if identity is not None:
            become(identity)
            sysv_process.die_with_parent(options.launcher)  # changing the user has cleared it
        rings.control[process * WORDS + BORN] = BEGUN
        Worker(program, process, handles, rings, options).run()
    except BaseException as error:
        if shortages.explain(error) is not None:
            os._exit(shortages.EXIT)
        import traceback  # a defect of ipcsim: show it on stderr, leave at once

        traceback.print_exc()
        sys.stderr.flush()
    os._exit(70)


def become(identity: Identity) -> None:
    """Take on another user for ever, with no supplementary groups. OSError where that is not allowed."""
    os.setgroups([])
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)


def catch_signals(program: Program) -> None:
    """Catch, with a handler that does nothing, whatever workers have to: the timer's signal, and those that
    the scenario sends and that can be caught. Workers inherit it, so that none can come too early."""
    for number in _caught_signals(program):
        signal.signal(number, lambda *_: None)


def _caught_signals(program: Program) -> set[int]:
    names = {i.signal for f in program.families for i in f.code if isinstance(i, Signal)}
    return {signal.SIGALRM} | {getattr(signal, name) for name in names - ACTING}


class Worker:
    """Everything that the closures of one process share."""

    def __init__(
        self, program: Program, process: int, handles: Handles, rings: Rings, options: Options
    ) -> None:
        self.program = program
        self.process = process
        family = program.families[program.processes[process].family]
        self._known = constant_locals(family, program.processes[process].instance)
        self.code = family.code
        self.env: Locals = program.initial_locals(process)
        self.handles = handles
        self.rings = rings
        self.emit = emitter(rings, process)
        self.controlled = options.controlled
        self.options = options
        self.random = random.Random(f"{options.seed}:{process}")
        self.alternative = 0  # what the controlling scheduler ordered
        watched = options.watched
        self._watched = watched[program.processes[process].family] if watched else {}
        self._steps = [self._compile(pc, instruction) for pc, instruction in enumerate(self.code)]

    def run(self) -> NoReturn:
        """Execute until the end; never returns."""
        steps = self._steps
        pc = 0
        try:
            while True:
                pc = steps[pc]()
        except EvaluationError as error:
            if self.controlled and not self.code[pc].visible:
                self._gate(pc)  # that it fails can be seen: it is a step of its own
            self._fail(pc, str(error))

    def fold(self, expr: Expr) -> Expr:
        """`expr` with everything filled in that never changes in this process."""
        return fold(expr, self._known)

    def compile(self, expr: Expr) -> Evaluator:
        return compile_expression(fold(expr, self._known))

    # --- ends ---

    def _fail(self, pc: int, message: str) -> NoReturn:
        emit_data(self.emit, message.encode()[:256])
        self.emit(int(EventKind.STEP) | pc << 8 | FAILED_WORD, 0, 0)
        os._exit(EXIT_EVALUATION)

    def failed(self, pc: int, instruction: KernelCall, number: int) -> int:
        """A kernel call left errno `number`: its handler's pc, or the end of the process."""
        self.emit(head(EventKind.END, pc, number), -1, 0)
        target = instruction.handler(errno_name(number))
        if target is None:
            os._exit(EXIT_ERRNO)
        return target

    # --- compilation ---

    def _compile(self, pc: int, instruction: Instruction) -> Step:
        step = self._compile_bare(pc, instruction)
        if pc in self._watched:
            step = news.watch(step, self._watched[pc], self.env, self.rings, self.process)
        if not (self.controlled and instruction.visible):
            return step
        gate = self._gate

        def gated() -> int:
            gate(pc)
            return step()

        return gated

    def _compile_bare(self, pc: int, instruction: Instruction) -> Step:
        match instruction:
            case Semop():
                return calls.semop(self, pc, instruction)
            case Send():
                return calls.send(self, pc, instruction)
            case Receive():
                return calls.receive(self, pc, instruction)
            case Load():
                return self._load(pc, instruction)
            case Store():
                return self._store(pc, instruction)
            case KernelCall():
                return control.plain(self, pc, instruction)
            case Phase():
                return self._mark(pc)
            case Choose(targets=targets):
                return self._choose(pc, targets)
            case Assert(condition=condition):
                return self._assert(pc, condition)
            case Exit(code=code):
                return self._exit(pc, code)
            case Crash(signal=name):
                return self._crash(pc, name)
            case _:
                return self._compile_silent(pc, instruction)

    def _compile_silent(self, pc: int, instruction: Instruction) -> Step:
        env, after = self.env, pc + 1
        match instruction:
            case Assign(slot=slot, value=value, index=index):
                return self._assign(pc, slot, value, index)
            case Branch(condition=condition, otherwise=otherwise):
                test = self.compile(condition)
                return lambda: after if test(env) else otherwise
            case Jump(target=target):
                return lambda: target
            case Repeat(slot=slot, target=target):

                def again() -> int:
                    left: int = env[slot] - 1
                    env[slot] = left
                    return target if left > 0 else after

                return again
            case Pause(least=least, most=most):
                if self.controlled:
                    return lambda: after

                def pause() -> int:
                    time.sleep(self.random.uniform(least, most))
                    return after

                return pause
        raise TypeError(f"unknown instruction {type(instruction).__name__}")

    def _assign(self, pc: int, slot: int, value: Expr, index: Expr | None) -> Step:
        env, after, compute = self.env, pc + 1, self.compile(value)
        if index is None:

            def assign() -> int:
                result = compute(env)
                env[slot] = bounded(result) if isinstance(result, int) else result
                return after

            return assign
        which = self.compile(index)

        def assign_element() -> int:
            items, number = list(env[slot]), which(env)
            if not 0 <= number < len(items):
                raise EvaluationError(f"index {number} is outside 0 … {len(items) - 1}")
            items[number] = bounded(compute(env))
            env[slot] = tuple(items)
            return after

        return assign_element

    def _mark(self, pc: int) -> Step:
        emit, word, after = self.emit, head(EventKind.STEP, pc), pc + 1

        def mark() -> int:
            emit(word, 0, 0)
            return after

        return mark

    def _choose(self, pc: int, targets: tuple[int, ...]) -> Step:
        emit, word = self.emit, head(EventKind.STEP, pc)

        def choose() -> int:
            taken = self.alternative if self.controlled else self.random.randrange(len(targets))
            emit(word, taken, 0)
            return targets[taken]

        return choose

    def _assert(self, pc: int, condition: Expr) -> Step:
        emit, word, after, env = self.emit, head(EventKind.STEP, pc), pc + 1, self.env
        test = self.compile(condition)

        def check() -> int:
            holds = bool(test(env))
            emit(word, int(holds), 0)
            if not holds:
                os._exit(EXIT_ASSERTION)
            return after

        return check

    def _exit(self, pc: int, code: Expr) -> Step:
        emit, word, env = self.emit, head(EventKind.STEP, pc), self.env
        compute = self.compile(code)

        def leave() -> int:
            value = int(compute(env))
            emit(word, value, 0)
            os._exit(value & 0xFF)

        return leave

    def _crash(self, pc: int, name: str) -> Step:
        emit, word = self.emit, head(EventKind.STEP, pc)
        number = getattr(signal, name)

        def crash() -> int:
            emit(word, int(number), 0)
            if number != signal.SIGKILL:
                signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            os._exit(128 + number)  # a signal that does not kill by default

        return crash

    # --- shared memory ---

    def _load(self, pc: int, load: Load) -> Step:
        emit, word, env, after = self.emit, head(EventKind.STEP, pc), self.env, pc + 1
        arrays, segment, number, into = self.handles.arrays, load.segment, load.field, load.into
        field = self.program.segments[segment].struct.fields[number]
        if field.is_text and load.index is None:
            return self._load_text(pc, load)
        which = self.compile(load.index or Const(0))
        last = (field.count or 1) - 1
        begin = self._announced(pc, segment, store=False)

        def fetch() -> int:
            index = which(env)
            if not 0 <= index <= last:
                raise EvaluationError(f"index {index} of `{field.name}` is outside 0 … {last}")
            if begin:
                emit(begin, 0, index)
            value = arrays(segment)[number][index]
            env[into] = value
            emit(word, value, index)
            return after

        return fetch

    def _load_text(self, pc: int, load: Load) -> Step:
        emit, word, env, after = self.emit, head(EventKind.STEP, pc), self.env, pc + 1
        field = self.program.segments[load.segment].struct.fields[load.field]
        begin = self._announced(pc, load.segment, store=False)

        def fetch() -> int:
            if begin:
                emit(begin, 0, 0)
            raw = self.handles.attachment(load.segment).read(field.size, field.offset)
            env[load.into] = field.decode_text(raw)
            emit_data(emit, raw[: calls.SHOWN])
            emit(word, 0, 0)
            return after

        return fetch

    def _store(self, pc: int, store: Store) -> Step:
        emit, word, env, after = self.emit, head(EventKind.STEP, pc), self.env, pc + 1
        arrays, segment, number = self.handles.arrays, store.segment, store.field
        field = self.program.segments[segment].struct.fields[number]
        if field.is_text and store.index is None:
            return self._store_text(pc, store)
        which, compute = self.compile(store.index or Const(0)), self.compile(store.value)
        last = (field.count or 1) - 1
        begin = self._announced(pc, segment, store=True)

        def put() -> int:
            index, value = which(env), field.check(int(compute(env)))
            if not 0 <= index <= last:
                raise EvaluationError(f"index {index} of `{field.name}` is outside 0 … {last}")
            if begin:
                emit(begin, value, index)
            arrays(segment)[number][index] = value
            emit(word, value, index)
            return after

        return put

    def _announced(self, pc: int, segment: int, store: bool) -> int:
        """The head of a record before an access that may be the process's last act, so that its end can be
        explained; 0 where it cannot be: nobody attaches the segment read-only, or makes it smaller."""
        struct = self.program.segments[segment].struct
        steps = [
            i
            for f in self.program.families
            for i in f.code
            if isinstance(i, ObjectCall) and i.object == ObjectRef(ObjectKind.SEGMENT, segment)
        ]
        readonly = store and any(i.readonly for i in steps)
        found = any(i.action in (Lifecycle.CREATE, Lifecycle.OPEN) for i in steps)
        smaller = found and struct.size > mmap.PAGESIZE
        return head(EventKind.BEGIN, pc) if readonly or smaller else 0

    def _store_text(self, pc: int, store: Store) -> Step:
        emit, word, env, after = self.emit, head(EventKind.STEP, pc), self.env, pc + 1
        field = self.program.segments[store.segment].struct.fields[store.field]
        compute = self.compile(store.value)
        begin = self._announced(pc, store.segment, store=True)

        def put() -> int:
            raw = field.encode_text(compute(env))
            if begin:
                emit_data(emit, raw[: calls.SHOWN])
                emit(begin, 0, 0)
            self.handles.attachment(store.segment).write(raw, field.offset)
            emit_data(emit, raw[: calls.SHOWN])
            emit(word, 0, 0)
            return after

        return put

    # --- turns, in a controlled run ---

    def _gate(self, pc: int) -> None:
        """Say that the instruction at `pc` is next, and wait for the turn to do it."""
        control, block = self.rings.control, self.process * WORDS
        control[block + ATPC] = pc
        arrived = control[block + GATE] + 1
        control[block + GATE] = arrived
        sysv_process.futex_wake(self.rings.address(self.process, GATE))
        turn = self.rings.address(self.process, GRANT)
        while (given := control[block + GRANT]) < arrived:
            sysv_process.futex_wait(turn, given & 0xFFFFFFFF)
        self.alternative = control[block + ORDER]

    def create(self, declared: IpcObject, mode: int, size: int | None, exclusive: bool) -> int:
        """The id of an object that is made, or found, here: with no gap in which it could be lost, or be made
        and not be known as the run's."""
        maker = creating.Maker(self.options.manifest, self.process, self.options.launcher)
        make = partial(maker.create, declared, mode, size, exclusive)
        with creating.inside(self.rings.fd, self.process):
            return self.handles.owned.made(self.process, key_of(declared.key), make).id

    def spawn(self, process: int) -> None:
        """Fork `process`, which begins with this worker's handles and attachments.

        Forked twice, so that it becomes a child of the launcher (which is the subreaper): that one
        reaps it and takes it along when it dies.
        """
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            if status:
                raise OSError(errno.EAGAIN, "fork: the limit of processes is reached")
            return
        between = os.getpid()
        try:
            second = os.fork()
        except OSError:
            os._exit(1)
        if second:
            self.rings.control[process * WORDS + PID] = second  # before our parent's call is over
            os._exit(0)
        launcher = self.options.launcher
        # it ends at once; who adopts us then is the launcher, or else that has gone
        while os.getppid() == between:
            time.sleep(0.0005)
        sysv_process.die_with_parent(launcher)
        begin(self.program, process, self.handles, self.rings, self.options)

    def struck(self) -> bool:
        """Whether the supervisor ordered the timeout of the present call to strike."""
        return bool(self.rings.control[self.process * WORDS + ORDER] == STRIKE)
