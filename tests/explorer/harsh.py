"""Random scenarios in which things fail: properties that have no value somewhere, indices out of range, code
behind counted loops, assertions in critical sections."""

from __future__ import annotations

from typing import Any

from tests.explorer.scenarios import Dice, Doc, Steps


class Harsh(Dice):
    """As `Dice`, with more that can go wrong."""

    def _doc(self) -> Doc:
        return self._rounds() if self._maybe(0.4) else self._with_bad_indices(super()._doc())

    # --- loops with something behind them ---

    def _rounds(self) -> Doc:
        """Nothing but locks taken and given back in counted loops, and then something else."""
        names = ["a", "b"][: self._one(1, 2, 2)]
        self._sets, self._phases, self._me, self._rough = [names], ("A", "B"), True, False
        self._progress = self._segment = self._queue = False
        self._tidy = self._plain = True
        self._families = self._one(
            [("w", 2)], [("w", 2)], [("w", None), ("x", None)], [("w", 2), ("x", None)]
        )
        doc: Doc = {"semaphores": {"set0": dict.fromkeys(names, 1)}, "processes": {}}
        for name, count in self._families:
            doc["processes"][name] = {
                **({} if count is None else {"count": count}),
                "locals": {"n": self._one(0, 1, "me" if count else 1)},
                "steps": [*self._before(), self._loop(names), *self._behind(names)],
            }
        if self._maybe(0.6):
            doc["properties"] = {"p0": self._property()}
        return doc

    def _before(self) -> Steps:
        return [self._phase()] if self._maybe(0.2) else []

    def _loop(self, names: list[str]) -> Any:
        order = self._chance.sample(names, len(names))
        inside: Steps = [self._phase()] if self._maybe(0.4) else []
        if self._maybe(0.15):
            inside.append({"assert": self._one("n == 0", "n < 2", "me == 0")})
        if self._maybe(0.15):
            inside.append(
                {"if": self._one("n == 1", "me == 1"), "then": [self._one({"exit": 0}, {"pause": "1ms"})]}
            )
        steps = [
            *({"P": n} for n in order),
            *inside,
            *({"V": n} for n in self._chance.sample(order, len(order))),
        ]
        if self._maybe(0.3):
            steps.append(self._phase())
        return {"repeat": self._one(1, 2, 2, "n + 1", "2 - n"), "steps": steps}

    def _behind(self, names: list[str]) -> Steps:
        chance = self._chance.random()
        if chance < 0.35:
            return []
        what = self._one("phase", "phase", "divide", "assert", "exit", "semop", "if", "index")
        if what == "phase":
            return [self._phase()]
        if what == "divide":
            return [{"if": self._one("5 // n > 0", "5 // me > 0", "5 // 2 > n"), "then": [self._phase()]}]
        if what == "assert":
            return [{"assert": self._one("n == 0", "me == 0", "n < 5")}]
        if what == "exit":
            return [{"exit": self._one(0, 1)}]
        if what == "semop":
            return [{self._one("P", "V"): self._one(*names)}]
        if what == "index":
            return [{"set": {"n": "n + 1"}}, {"set": {"n": "n // (n - 1)"}}]
        return [{"if": self._one("n == 0", "me == 0"), "then": [self._phase()], "else": [{"exit": 0}]}]

    # --- assertions, and what has no value ---

    def _inside(self, depth: int) -> Steps:
        inside = super()._inside(depth)
        if self._maybe(0.25):
            inside.append({"assert": self._one("n == 0", "n < 2", "n == 5")})
        return inside

    def _with_bad_indices(self, doc: Doc) -> Doc:
        """An array of semaphores, and steps that may miss it."""
        if self._maybe(0.5):
            return doc
        doc["semaphores"]["many"] = {"t": {"count": 2, "value": self._one(0, 1)}}
        name = self._one(*doc["processes"])
        index = self._one("n", "n + 1", "n - 1", "2", "n + 2")
        step = {self._one("P", "V", "P"): f"t[{index}]"}
        where = doc["processes"][name]["steps"]
        where.insert(self._chance.randrange(len(where) + 1), step)
        return doc

    def _property(self) -> Doc:
        if self._maybe(0.45):
            return super()._property()
        one, other = self._guard(), self._guard()
        bad = self._one(
            f"1 // ({self._number()}) >= 1", f"{self._number()} % ({self._number()}) == 0", self._far()
        )
        shape = self._one(
            f"{one} and {bad}", f"{one} or {bad}", f"{bad} and {one}", f"{one} and {bad} and {other}",
            f"{one} and {other} and {bad}", f"({one} or {bad}) and {other}", f"not ({one} and {bad})",
            f"not ({one} or not {bad})", f"{one} if {other} else {bad}", bad,
        )  # fmt: skip
        return {self._one("never", "never", "always", "at_end"): shape}

    def _guard(self) -> str:
        return self._one(
            f"at({self._somebody()}, '{self._one(*self._phases)}')",
            self._value(),
            f"ended({self._somebody()})",
        )

    def _number(self) -> str:
        return self._one(*(n for s in self._sets for n in s))

    def _far(self) -> str:
        """A family asked for somebody beyond its end, or for those of whom something holds."""
        many = [(name, count) for name, count in self._families if count is not None]
        if not many:
            return f"1 // {self._number()} == 1"
        name, count = self._one(*many)
        phase, number = self._one(*self._phases), self._number()
        return self._one(
            f"any(at({name}[i], '{phase}') and at({name}[i + 1], '{phase}') for i in range({count}))",
            f"all(at({name}[i], '{phase}') for i in range({count}) if {number} == i)",
            f"not all(not at({name}[i], '{phase}') for i in range({count}) if {number} >= i)",
            f"any(at({name}[i], '{phase}') for i in range({count}) if {number} == i)",
            f"at({name}[{number} + 1], '{phase}')",
            f"sum(at({name}[i], '{phase}') for i in range({count})) > 1",
        )
