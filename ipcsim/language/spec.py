"""The one language of schemas: what may stand where in a text, in a document as in a step.

A `Spec` says of a node whether it fits, what it is read as, and its JSON Schema. A `Leaf` is a scalar; lists,
mappings of names and alternatives are put together: `NAME | Listed(NAME)`. A mapping with keys of its own is
a `Shape`, a class with an attribute for each:

    class Member(Shape):
        count = may(EXPRESSION, "how many")

What does not fit is told at its place and cut out: a key that may be given counts as not given, an item is
left out, and what lacks something that it must have is cut out itself.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Generic, TypeVar, overload

from ipcsim.language.nodes import Map, Mark, Node, Problems, Scalar, Seq, kind_of, suggest

Json = dict[str, Any]
Path = tuple[str | int, ...]
T = TypeVar("T")
U = TypeVar("U")
S = TypeVar("S", bound="Shape")


class Unfit(Exception):
    """A node does not fit; why is among the problems."""


class Reading:
    """One look at a text: `cut` are the paths of what did not fit; hints list up to `listed` known keys."""

    def __init__(self, problems: Problems, listed: int = 8) -> None:
        self.problems, self.listed = problems, listed
        self.cut: set[Path] = set()


class Place:
    """A node under the eyes of a schema: its path, and the key that leads to it."""

    __slots__ = ("key", "node", "path", "reading")

    def __init__(self, reading: Reading, node: Node, path: Path = (), key: Mark | None = None) -> None:
        self.reading, self.node, self.path, self.key = reading, node, path, key

    def inner(self, step: str | int, node: Node, key: Mark | None = None) -> Place:
        return Place(self.reading, node, (*self.path, step), key)

    def unfit(self, message: str, hint: str = "", mark: Mark | None = None) -> Unfit:
        """To be raised: tells what is wrong and cuts the node out."""
        node = self.node
        if mark is None:
            mark = self.key if isinstance(node, Scalar) and node.is_null else None
        self.reading.problems.add(mark or node.mark, message, hint)
        self.reading.cut.add(self.path)
        return Unfit()

    def expected(self, what: str) -> Unfit:
        return self.unfit(f"expected {what}, not {kind_of(self.node)}")

    def unknown(self, known: Iterable[str]) -> Unfit:
        """Of a key that there is not."""
        name = str(self.path[-1])
        hint = suggest(name, known, many=self.reading.listed)
        return self.unfit(f"unknown key `{name[:40]}`", hint, self.key)


class Spec(Generic[T]):
    """What may stand somewhere, read as T. `what` completes "expected …"; `takes` are the kinds of node
    that it is for."""

    what: str
    takes: tuple[type, ...]

    def read(self, place: Place) -> T:
        """What the node is read as; `Unfit`, with the reason told, where it does not fit."""
        raise NotImplementedError

    def schema(self, defs: Json) -> Json:
        """Its JSON Schema; what has a name of its own goes into `defs`."""
        raise NotImplementedError

    def parts(self, node: Node) -> Iterator[tuple[Spec[Any], Node]]:
        """Itself and what is inside, each beside its node, of a text that may be wrong."""
        yield self, node

    def __or__(self, other: Spec[U]) -> Spec[T | U]:
        return Either(self, other)


class Leaf(Spec[T]):
    """What `convert` makes of a scalar (or of what else it `takes`); None of what does not fit."""

    def __init__(
        self, what: str, json: Json, convert: Callable[[Any], T | None], *,
        takes: tuple[type, ...] = (Scalar,), null: bool = False,
    ) -> None:  # fmt: skip
        self.what, self.json, self.convert, self.takes, self.null = what, json, convert, takes, null

    def read(self, place: Place) -> T:
        node = place.node
        if isinstance(node, self.takes) and (self.null or not (isinstance(node, Scalar) and node.is_null)):
            value = self.convert(node)
            if value is not None:
                return value
        raise place.expected(self.what)

    def schema(self, defs: Json) -> Json:
        return dict(self.json)


class Steps(Leaf[Seq[Node]]):
    """A list of steps; each is read when it is compiled, because its key says which it is."""

    def __init__(self, what: str = "a list of steps, each starting with `- `") -> None:
        super().__init__(what, {"$ref": "#/$defs/Steps"}, lambda node: node, takes=(Seq,))


class Listed(Spec[Seq[T]]):
    """A list."""

    takes = (Seq,)

    def __init__(self, item: Spec[T], what: str = "a list") -> None:
        self.item, self.what = item, what

    def read(self, place: Place) -> Seq[T]:
        node = place.node
        if not isinstance(node, Seq):
            raise place.expected(self.what)
        found: Seq[T] = Seq(node.mark)
        for number, inner in enumerate(node):
            with suppress(Unfit):
                found.append(self.item.read(place.inner(number, inner)))
        return found

    def schema(self, defs: Json) -> Json:
        return {"type": "array", "items": self.item.schema(defs)}

    def parts(self, node: Node) -> Iterator[tuple[Spec[Any], Node]]:
        yield self, node
        for inner in node if isinstance(node, Seq) else ():
            yield from self.item.parts(inner)


class Named(Spec[Map[T]]):
    """A mapping whose keys are names: any, or those that `known` explains."""

    takes = (Map,)

    def __init__(
        self, value: Spec[T], what: str = "a mapping", known: Mapping[str, str] | None = None
    ) -> None:
        self.value, self.what, self.known = value, what, known

    def read(self, place: Place) -> Map[T]:
        node = place.node
        if not isinstance(node, Map):
            raise place.expected(self.what)
        found: Map[T] = Map(node.mark)
        found.keys_at = node.keys_at
        for name, inner in node.items():
            at = place.inner(name, inner, node.key_mark(name))
            with suppress(Unfit):
                if self.known is not None and name not in self.known:
                    raise at.unknown(self.known)
                found[name] = self.value.read(at)
        return found

    def schema(self, defs: Json) -> Json:
        if self.known is None:
            return {"type": "object", "additionalProperties": self.value.schema(defs)}
        properties = {n: self.value.schema(defs) | {"description": d} for n, d in self.known.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def parts(self, node: Node) -> Iterator[tuple[Spec[Any], Node]]:
        yield self, node
        for inner in node.values() if isinstance(node, Map) else ():
            yield from self.value.parts(inner)


class Either(Spec[Any]):
    """One of several, by the kind of the node. Where none takes it, the first says what was expected."""

    def __init__(self, *forms: Spec[Any]) -> None:
        self.forms: list[Spec[Any]] = []
        for form in forms:
            self.forms += form.forms if isinstance(form, Either) else [form]
        self.what = self.forms[0].what
        self.takes = tuple(kind for form in self.forms for kind in form.takes)

    def form(self, node: Node) -> Spec[Any]:
        for form in self.forms:
            if isinstance(node, form.takes):
                return form
        return self.forms[0]

    def read(self, place: Place) -> Any:
        return self.form(place.node).read(place)

    def schema(self, defs: Json) -> Json:
        return {"anyOf": [form.schema(defs) for form in self.forms]}

    def parts(self, node: Node) -> Iterator[tuple[Spec[Any], Node]]:
        yield from self.form(node).parts(node)


# --- mappings with keys of their own ---


class Key(Generic[T]):
    """A key of a Shape, and its attribute; `name` is the key in the text where that is no attribute's."""

    def __init__(
        self, spec: Spec[Any], doc: str, name: str, *, required: bool = False, default: Any = None
    ) -> None:
        self.spec, self.doc, self.name, self.required, self.default = spec, doc, name, required, default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, shape: None, owner: type) -> Key[T]: ...
    @overload
    def __get__(self, shape: Shape, owner: type) -> T: ...
    def __get__(self, shape: Shape | None, owner: type) -> Key[T] | T:
        if shape is None:
            return self
        found: T = shape.given.get(self.name, self.default)
        return found

    def schema(self, defs: Json) -> Json:
        return self.spec.schema(defs) | {"description": self.doc}


def must(spec: Spec[T], doc: str, name: str = "") -> Key[T]:
    """A key that has to be given."""
    return Key(spec, doc, name, required=True)


def may(spec: Spec[T], doc: str, name: str = "") -> Key[T | None]:
    """A key that may be given, else None."""
    return Key(spec, doc, name)


class Shape:
    """A mapping with these `keys`. Under other ones, names that the user chose, stands what `rest` says.

    `given` are the keys that the text has and that fit, `others` those under names. JSON Schema gives a
    Shape a name, with its docstring, unless it `is_inline`.
    """

    keys: ClassVar[dict[str, Key[Any]]] = {}
    rest: ClassVar[Spec[Any] | None] = None
    is_inline: ClassVar[bool] = False

    def __init__(self, node: Map[Node]) -> None:
        self.node = node
        self.given: dict[str, Any] = {}
        self.others: Map[Any] = Map(node.mark)
        self.others.keys_at = node.keys_at

    def __init_subclass__(cls) -> None:
        own = {key.name: key for key in vars(cls).values() if isinstance(key, Key)}
        cls.keys = own | {name: key for name, key in cls.keys.items() if name not in own}

    def take(self, name: str, place: Place) -> None:
        """Reads what stands under the key `name`."""
        key = self.keys.get(name)
        spec = self.rest if key is None else key.spec
        with suppress(Unfit):
            if spec is None:
                raise place.unknown(self.keys)
            (self.others if key is None else self.given)[name] = spec.read(place)

    def lacks(self, among: Container[str]) -> list[str]:
        """The keys that must be given and are not in `among`."""
        return [name for name, key in self.keys.items() if key.required and name not in among]

    @classmethod
    def schema(cls, defs: Json) -> Json:
        found: Json = {
            "type": "object",
            "properties": {name: key.schema(defs) for name, key in cls.keys.items()},
            "additionalProperties": False if cls.rest is None else cls.rest.schema(defs),
        }
        if required := [name for name, key in cls.keys.items() if key.required]:
            found["required"] = required
        return found

    @classmethod
    def parts(cls, node: Map[Node]) -> Iterator[tuple[Spec[Any], Node]]:
        for name, inner in node.items():
            spec = cls.keys[name].spec if name in cls.keys else cls.rest
            if spec is not None:
                yield from spec.parts(inner)


class Shaped(Spec[S]):
    """A mapping as a Shape. A value alone may stand for the one key `short`, and nothing for no keys."""

    takes = (Map,)

    def __init__(
        self, shape: type[S], what: str = "", *, short: str = "", may_be_empty: bool = False
    ) -> None:
        self.shape, self.may_be_empty = shape, may_be_empty
        self.short = shape.keys[short].spec if short else None
        self.short_key = short
        self.what = what or (self.short.what if self.short else "a mapping")

    def read(self, place: Place) -> S:
        node = place.node
        if not isinstance(node, Map):
            return self._read_short(place)
        shape = self.shape(node)
        for name, inner in node.items():
            shape.take(name, place.inner(name, inner, node.key_mark(name)))
        where = f" in `{place.path[-1]}`" if place.path and isinstance(place.path[-1], str) else ""
        for name in shape.lacks(node):
            place.unfit(f"`{name}:` is missing{where}", mark=place.key or node.mark)
        if shape.lacks(shape.given):
            place.reading.cut.add(place.path)
            raise Unfit
        return shape

    def _read_short(self, place: Place) -> S:
        node = place.node
        shape = self.shape(Map(node.mark))
        is_null = isinstance(node, Scalar) and node.is_null
        if self.short is not None and isinstance(node, self.short.takes) and not is_null:
            shape.given[self.short_key] = self.short.read(place)
        elif not (self.may_be_empty and is_null):
            raise place.expected(self.what)
        return shape

    def schema(self, defs: Json) -> Json:
        shape = self.shape
        whole: Json = {"$ref": f"#/$defs/{shape.__name__}"}
        if shape.is_inline:
            whole = shape.schema(defs)
        elif shape.__name__ not in defs:
            defs[shape.__name__] = {"description": shape.__doc__} | shape.schema(defs)
        if self.may_be_empty:
            return {"anyOf": [{"type": "null"}, whole]}
        return {"anyOf": [self.short.schema(defs), whole]} if self.short else whole

    def parts(self, node: Node) -> Iterator[tuple[Spec[Any], Node]]:
        yield self, node
        if isinstance(node, Map):
            yield from self.shape.parts(node)
