"""properties: what must hold, as expressions over the whole system."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ipcsim.language.document import ScenarioText
from ipcsim.language.expressions import Compiler, compile_expression
from ipcsim.language.family_names import FamilyName
from ipcsim.language.nodes import Problems, suggest
from ipcsim.language.objects import Objects
from ipcsim.language.scope import Refusal, Scope, broken_or
from ipcsim.language.shape import PropertyShape
from ipcsim.language.types import BOOL, BROKEN, INT, Typed, type_of_field
from ipcsim.program.expressions import At, Expr, QueueLength, SegmentValue, SemaphoreValue
from ipcsim.program.program import Property, PropertyKind


class PropertyScope(Scope):
    """Constants, semaphores, segment fields, and at(), ended(), len(queue)."""

    functions = ("at", "ended")

    def __init__(
        self, constants: dict[str, Typed], objects: Objects, families: dict[str, FamilyName]
    ) -> None:
        super().__init__(constants, objects)
        self.known_objects, self.families = objects, families

    def name(self, name: str) -> Typed | None:
        found = self.constants.get(name)
        if found is not None or name not in self.known_objects.members:
            return found if found is not None or name not in self.known_objects.broken else BROKEN
        refs = self.known_objects.members[name]
        if len(refs) > 1 or refs[0].member.count is not None:
            return None
        return Typed(SemaphoreValue(refs[0].set, refs[0].member.base, None, None), INT)

    def names(self) -> Iterable[str]:
        segments = [f"{s.name}.{f.name}" for s in self.known_objects.segments for f in s.struct.fields]
        return [*self.constants, *self.known_objects.semaphore_names(), *segments]

    def explain(self, name: str) -> str | None:
        refs = self.known_objects.members.get(name, [])
        if len(refs) > 1:
            both = " or ".join(f"`{self.known_objects.sets[r.set].name}.{name}`" for r in refs)
            return f"`{name}` is in more than one set: write {both}"
        if refs:
            return f"`{name}` is an array of semaphores: write `{name}[0]`"
        if name in self.families:
            return f"`{name}` is a process: ask `at({name}, 'phase')` or `ended({name})`"
        if name == "me":
            return "a property looks at the whole system: there is no `me` here"
        if self.known_objects.kind(name) == "queue":
            return f"`{name}` is a queue: ask `len({name})`"
        return self.known_objects.explain(name)

    def field(self, base: str, field: str, index: Typed | None, text: str) -> Typed | Refusal:
        objects = self.known_objects
        if base in objects.broken:
            return BROKEN
        found = objects.set(base)
        if found is not None:
            return self.semaphore(found[0], field, index)
        if not objects.is_segment(base):
            hint = suggest(base, [*(s.name for s in objects.segments), *(s.name for s in objects.sets)])
            return f"unknown segment `{base}`", hint
        number, segment = objects.segment(base)
        for place, known in enumerate(segment.struct.fields):
            if known.name == field:
                type_ = type_of_field(known)
                if index is not None and type_.name != "list":
                    return f"`{base}.{field}` is no array", ""
                expr = SegmentValue(number, place, None if index is None else index.expr)
                return Typed(expr, type_ if index is None else INT)
        return f"the segment `{base}` has no field `{field}`", suggest(
            field, [f.name for f in segment.struct.fields]
        )

    def semaphore(self, number: int, name: str, index: Typed | None) -> Typed | Refusal:
        found = self.known_objects.sets[number]
        for member in (r.member for r in self.known_objects.members.get(name, []) if r.set == number):
            if (index is None) != (member.count is None):
                return f"`{name}` is " + (
                    "no array" if member.count is None else f"an array: write `{name}[0]`"
                ), ""
            which = None if index is None else index.constant
            if isinstance(which, int) and member.count is not None and not 0 <= which < member.count:
                return f"there is no `{name}[{which}]`: the last is `{name}[{member.count - 1}]`", ""
            expr = SemaphoreValue(number, member.base, member.count, None if index is None else index.expr)
            return Typed(expr, INT)
        refusal = (
            f"the set `{found.name}` has no semaphore `{name}`",
            suggest(name, [m.name for m in found.members]),
        )
        return broken_or(refusal, name in self.known_objects.broken)

    def has_fields(self, name: str) -> bool:
        return self.is_segment(name) or self.known_objects.set(name) is not None

    def indexed(self, base: str, index: Typed) -> Typed | Refusal | None:
        if base in self.known_objects.broken and base not in self.constants:
            return BROKEN
        refs = self.known_objects.members.get(base, [])
        return self.semaphore(refs[0].set, base, index) if len(refs) == 1 else None

    # --- at(), ended(), len(queue) ---

    def call(self, name: str, node: ast.Call, compiler: Compiler) -> Typed | None:
        if name in ("at", "ended"):
            return self.process_call(name, node, compiler)
        if name == "len" and len(node.args) == 1 and isinstance(node.args[0], ast.Name):
            queue = self.known_objects.queue(node.args[0].id)
            return None if queue is None else Typed(QueueLength(queue[0]), INT)
        return None

    def process_call(self, name: str, node: ast.Call, compiler: Compiler) -> Typed:
        if len(node.args) != (2 if name == "at" else 1):
            uses = "at(process, 'phase')" if name == "at" else "ended(process)"
            raise compiler.refuse(node, f"write `{uses}`")
        who = node.args[0]
        target = who.value if isinstance(who, ast.Subscript) else who
        if not isinstance(target, ast.Name):
            raise compiler.refuse(who, "a process such as `writer` or `philosopher[i]` stands here")
        family = self.families.get(target.id)
        if family is None:
            raise compiler.refuse(target, f"unknown process `{target.id}`", suggest(target.id, self.families))
        index: Expr | None = None
        if isinstance(who, ast.Subscript):
            index = compiler.number(who.slice, "an index").expr
        phase = self.phase(family, node.args[1], compiler) if name == "at" else ""
        if family.is_broken:
            return BROKEN
        if wrong := family.misnamed(index) or family.outside(index):
            raise compiler.refuse(who, wrong)
        return Typed(At(family.number, index, phase), BOOL)

    def phase(self, family: FamilyName, node: ast.expr, compiler: Compiler) -> str:
        name = compiler.visit(node).constant
        if not isinstance(name, str):
            raise compiler.refuse(node, "the phase is a text: write `'eating'`")
        if name not in family.phases and not family.is_broken:
            raise compiler.refuse(node, f"no step enters the phase `{name}`", suggest(name, family.phases))
        return name


def read_properties(
    text: ScenarioText,
    constants: dict[str, Typed],
    objects: Objects,
    families: dict[str, FamilyName],
    problems: Problems,
) -> tuple[Property, ...]:
    found: list[Property] = []
    for name, shape in (text.shape.properties or {}).items():
        made = _read(text, name, shape, PropertyScope(constants, objects, families), problems)
        if made is not None:
            found.append(made)
    return tuple(found)


def _read(
    text: ScenarioText, name: str, shape: PropertyShape, scope: PropertyScope, problems: Problems
) -> Property | None:
    mark = text.mark("properties", name)
    given = [k for k in PropertyKind if str(k) in shape.given]
    if len(given) != 1:
        if not text.was_cut("properties", name):
            kinds = ", ".join(f"`{k}:`" for k in PropertyKind)
            problems.add(mark, f"a property says one of {kinds}")
        return None
    kind = given[0]
    scalar = shape.given[str(kind)]
    if kind is PropertyKind.ALWAYS_EVENTUALLY:
        phases = {p for f in scope.families.values() for p in f.phases}
        if scalar.text not in phases and not any(f.is_broken for f in scope.families.values()):
            problems.add(
                scalar.mark, f"no step enters the phase `{scalar.text}`", suggest(scalar.text, sorted(phases))
            )
        return Property(name, kind, mark.location, phase=scalar.text)
    typed = compile_expression(scalar, scope, problems)
    if not typed.type.is_number:
        problems.add(scalar.mark, f"a property is a condition; this is {typed.type.a}")
    return Property(name, kind, mark.location, condition=typed.expr, slots=scope.slots)
