"""processes: each family compiled to its code, with the values that every instance starts with."""

from __future__ import annotations

from dataclasses import dataclass

from ipcsim.language.code import CodeBuilder, TooLarge
from ipcsim.language.compiler import ProcessCompiler, Shared
from ipcsim.language.document import ScenarioText
from ipcsim.language.family_names import FamilyName
from ipcsim.language.locals_reader import Names, check_local, declare_into, initial_values, writes_of
from ipcsim.language.memory import reads_memory
from ipcsim.language.nodes import Mark, Node, Seq
from ipcsim.language.objects import NAME
from ipcsim.language.phases import mark_ends_of_phases
from ipcsim.language.process_scope import ProcessScope, zero_of
from ipcsim.language.scope import Scope
from ipcsim.language.shape import IdentityShape, ProcessShape
from ipcsim.language.steps import inline
from ipcsim.language.types import BROKEN, INT, Typed
from ipcsim.language.values import compile_value, constant_int
from ipcsim.program.expressions import Const, Expr, Local
from ipcsim.program.flow import walk
from ipcsim.program.instructions import Exit
from ipcsim.program.program import Family, Identity

MAX_PROCESSES = 10_000
MAX_LOCALS = 5_000_000
MAX_USER = 2**32 - 2  # (uid_t) -1 means no user


class LocalsScope(ProcessScope):
    """While the first values of locals are compiled: generators' variables lie behind all locals."""

    def new_slot(self, variable: str) -> int:
        self.slots += 1
        return self.slots - 1


@dataclass(slots=True)
class Compiled:
    """A family and the places of its instructions, for checks that come after; `spawns` are the numbers
    of the families that it starts, in variants of the scenario too."""

    family: Family
    marks: list[Mark]
    spawns: set[int]


class FamilyReader:
    def __init__(self, text: ScenarioText, shared: Shared) -> None:
        self.text, self.shared, self.problems = text, shared, shared.problems
        self.names = shared.families
        self.compiled: list[Compiled] = []
        self.processes = 0
        self.is_sound = True  # whether what the families build on had no errors

    def read(self) -> None:
        """Compiles every family, then checks the procedures that none of them calls."""
        shapes: dict[str, ProcessShape] = self.text.shape.processes or {}
        for number, (name, shape) in enumerate(shapes.items()):
            self.names[name] = self.declare(number, name, shape)
        for name in self.text.cut_in("processes"):
            self.names.setdefault(name, FamilyName(name, 0, None, is_broken=True))
        self.is_sound = self.problems.count == 0
        for name, shape in shapes.items():
            try:
                self.read_family(self.names[name], shape)
            except TooLarge as error:
                self.problems.add(error.mark, str(error))
                for named in self.names.values():
                    named.is_broken = True
                return
        if len(self.compiled) == len(shapes):
            self.check_spawned()
        self.check_uncalled()

    def declare(self, number: int, name: str, shape: ProcessShape) -> FamilyName:
        """What the steps of all families can know of one."""
        before = self.problems.count
        if not NAME.fullmatch(name) or len(name) > 64:
            self.problems.add(
                self.text.mark("processes", name),
                f"`{name[:40]}` is not a name: letters, digits and `_`, not a digit first",
            )
        count = self.count(name, shape)
        is_broken = self.problems.count > before or self.text.was_cut("processes", name)
        return FamilyName(name, number, count, shape.spawned, is_broken)

    def read_family(self, named: FamilyName, shape: ProcessShape) -> None:
        name, count, is_broken = named.name, named.count, named.is_broken
        mark = self.text.mark("processes", name)
        before = self.problems.count
        identity = None if shape.as_ is None else self.identity(shape.as_)
        builder = CodeBuilder(["me"], [0], mark, self.shared.budget)
        variables = {"me": Typed(Local(0, "me"), INT)}
        locals_, slots = self.locals(shape, variables, builder, name)
        size = 1 if count is None else count
        starts = initial_values(
            size if not is_broken else 1,
            locals_,
            slots,
            lambda i: name if count is None else f"{name}[{i}]",
            self.problems,
        )
        compiler = self.compiler(shape.steps, variables, builder)
        compiler.phases = named.phases
        compiler.steps(shape.steps)
        builder.mark = mark
        builder.emit(Exit(at=mark.location, text="end", code=Const(0)))
        if len(builder.slots) * size > MAX_LOCALS:
            self.problems.add(mark, f"more than {MAX_LOCALS:,} local variables in all its processes")
            return
        rest = tuple(builder.initial[1 + len(locals_) :])
        initial = tuple((*start, *rest) for start in starts)
        if self.problems.count > before or not self.is_sound:
            return
        code = mark_ends_of_phases(builder.finish())
        family = Family(
            name, count, tuple(builder.slots), initial, code, mark.location, named.spawned, identity
        )
        self.compiled.append(Compiled(family, builder.marks, compiler.spawns))

    def count(self, name: str, shape: ProcessShape) -> int | None:
        """How many instances; None for a single process, and after an error."""
        count = None
        if shape.count is not None:
            scope = Scope(self.shared.constants, self.shared.objects)
            count = constant_int(shape.count, scope, self.problems, "`count`", 1, MAX_PROCESSES)
        before = self.processes
        self.processes += 1 if count is None else count
        if self.processes > MAX_PROCESSES >= before:
            mark = self.text.mark("processes", name)
            self.problems.add(mark, f"more than {MAX_PROCESSES:,} processes in all")
        return count

    def identity(self, shape: IdentityShape) -> Identity:
        scope = Scope(self.shared.constants, self.shared.objects)
        uid = constant_int(shape.uid, scope, self.problems, "`uid`", 0, MAX_USER) or 0
        if shape.gid is None:
            return Identity(uid, uid)
        return Identity(uid, constant_int(shape.gid, scope, self.problems, "`gid`", 0, MAX_USER) or 0)

    def locals(
        self, shape: ProcessShape, variables: dict[str, Typed], builder: CodeBuilder, family: str
    ) -> tuple[list[tuple[Mark, Expr]], int]:
        """Declares the locals, in order (each may use those before it), and counts the slots in use."""
        constants, objects = self.shared.constants, self.shared.objects
        scope = LocalsScope(constants, objects, variables, builder)
        scope.slots = 1 + len(shape.locals or {})
        found: list[tuple[Mark, Expr]] = []
        for name, node in (shape.locals or {}).items():
            mark = self.text.mark("processes", family, "locals", name)
            typed = compile_value(node, scope, self.problems)
            if typed.type.name in ("range", "message"):
                self.problems.add(node.mark, f"{typed.type.a} is not a value: write the list")
                typed = BROKEN
            if reads_memory(typed.expr):
                self.problems.add(node.mark, "a first value cannot read shared memory: `set:` it in a step")
                typed = BROKEN
            fine = check_local(name, mark, objects, constants, self.problems)
            slot = builder.new_slot(name, zero_of(typed.type))
            if fine:
                variables[name] = Typed(Local(slot, name), typed.type)
            found.append((node.mark, typed.expr))
        return found, scope.slots

    def compiler(
        self, steps: Seq[Node], variables: dict[str, Typed], builder: CodeBuilder
    ) -> ProcessCompiler:
        shared = self.shared
        writes = writes_of(steps, shared.objects)
        declare_into(writes, Names(variables, builder), shared.objects, self.problems, shared.constants)
        constant = frozenset(
            v.expr.slot for n, v in variables.items() if n not in writes.names and isinstance(v.expr, Local)
        )
        scope = ProcessScope(shared.constants, shared.objects, variables, builder)
        return ProcessCompiler(shared, scope, constant)

    def check_spawned(self) -> None:
        """Each family that waits to be spawned is spawned by one that runs."""
        families = [c.family for c in self.compiled]
        started = [n for n, f in enumerate(families) if not f.spawned]
        running = set(walk(started, lambda n: self.compiled[n].spawns))
        somebody = set().union(*(c.spawns for c in self.compiled))
        for number in sorted(set(range(len(families))) - running):
            family = families[number]
            name = family.name
            step = f"spawn: {name}" if family.count is None else f"spawn: {name}[0]"
            only = number in somebody
            self.problems.add(
                self.text.mark("processes", name, "spawned"),
                f"only processes that never run spawn `{name}`" if only else f"nobody spawns `{name}`",
                f"write `{step}` into a process that the run starts, or leave `spawned:` out",
            )

    def check_uncalled(self) -> None:
        """A procedure that nobody calls is compiled once with unknown arguments, only to check it."""
        for name, shape in self.shared.procedures.items():
            mark = self.text.mark("procedures", name)
            if name in self.shared.called:
                continue
            builder = CodeBuilder(["me"], [0], mark, self.shared.budget)
            variables = {"me": Typed(Local(0, "me"), INT)}
            compiler = self.compiler(Seq(mark), variables, builder)
            try:
                with builder.discard():
                    inline(compiler, mark, name, shape, dict.fromkeys(
                        (a.text for a in shape.arguments or []), BROKEN))  # fmt: skip
            except TooLarge as error:
                self.problems.add(error.mark, str(error))
