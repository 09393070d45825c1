"""Random scenarios, as texts: small enough that every interleaving can be looked at by brute force."""

from __future__ import annotations

import random
from typing import Any

import yaml

from ipcsim.errors import ScenarioError
from ipcsim.language import load_program
from ipcsim.program import Program, Source

Steps = list[Any]
Doc = dict[str, Any]


def program(text: str, name: str = "chance.yaml") -> Program:
    """The Program of a scenario's text."""
    return load_program(Source(name, text), {}, None)


class Dice:
    """Makes scenarios out of a source of chance, which may be hypothesis's."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _one(self, *among: Any) -> Any:
        return self._chance.choice(among)

    def text(self) -> str | None:
        """A scenario; None where the language refuses what came out."""
        text = yaml.safe_dump(self._doc(), sort_keys=False)
        try:
            program(text)
        except ScenarioError:
            return None
        return text

    def _doc(self) -> Doc:
        if self._maybe(0.2):
            return self._restless()
        doc: Doc = {}
        self._tidy = self._maybe(0.6)  # whoever takes gives back, and nobody waits for what may not come
        self._plain = self._tidy and self._maybe(0.4)  # and there is nothing but semaphores
        self._objects(doc)
        self._families = self._shape()
        self._rough = self._maybe(0.12)  # undo, signals, spawned processes, the end of a sleep shows
        self._phases = self._one(("A",), ("A", "B"), ("A", "B"))
        self._progress = self._maybe(0.15)
        processes: Doc = {}
        for name, count in self._families:
            self._me = count is not None and self._maybe(0.4)
            family: Doc = {} if count is None else {"count": count}
            family["locals"] = {"n": self._one(0, 0, 1, "me" if self._me else 1), "got": 0}
            steps = self._steps(2 if self._maybe(0.8) else 3, self._one(1, 2, 2, 3, 4))
            if self._maybe(0.5 if self._tidy else 0.35):
                steps.append({"forever": self._steps(1, self._one(1, 2, 2, 3), visible=True)})
            family["steps"] = steps
            processes[name] = family
        doc["processes"] = processes
        properties = {f"p{i}": self._property() for i in range(self._one(0, 0, 1, 1, 1, 2))}
        if properties:
            doc["properties"] = properties
        return doc

    def _restless(self) -> Doc:
        """Everybody goes round for ever and nobody gets stuck: what is left to ask is who starves."""
        self._families = self._one(
            [("w", 2)], [("w", 3)], [("w", 2), ("x", None)], [("w", None), ("x", None)]
        )
        names = ["a", "b"][: self._one(1, 2)]
        self._sets, self._phases = [names], ("A", "B")
        self._progress = self._maybe(0.3)
        doc: Doc = {
            "semaphores": {"set0": {n: self._one(1, 1, 2) for n in names}},
            "segments": {"s": {"y": {"type": "int", "atomic": True}}},
        }
        doc["processes"] = {
            name: {
                **({} if count is None else {"count": count}),
                "steps": [{"forever": [s for _ in range(self._one(1, 1, 2)) for s in self._round()]}],
            }
            for name, count in self._families
        }
        doc["properties"] = {"p0": {"always_eventually": self._one("A", "B")}}
        return doc

    def _round(self) -> Steps:
        """A part of a round that nobody has to stay in for ever."""
        name, phase = self._one(*self._sets[0]), self._phase()
        whole = [{"P": name}, phase, {"V": name}]
        kind = self._one("whole", "whole", "try", "choose", "all", "flag", "await", "zero")
        if kind == "try":
            taken = {"P": name, "nowait": True, "on_error": {"EAGAIN": [self._phase()]}}
            return [{"choose": [whole, [self._phase()]]}, taken, {"V": name}] if self._maybe(0.1) else [
                {"P": name, "timeout": "5ms", "on_error": {"EAGAIN": [*whole]}}, {"V": name}
            ]  # fmt: skip
        if kind == "choose":
            return [{"choose": [whole, [self._phase()]]}]
        if kind == "all" and len(self._sets[0]) > 1:
            return [{"P": [*self._sets[0]]}, phase, {"V": [*self._sets[0]]}]
        if kind == "flag":
            return [{"set": {"s.y": self._one(0, 1, "1 - s.y")}}, self._phase()]
        if kind == "await":
            return [{"while": "s.y == 1", "steps": []}, self._phase()]
        if kind == "zero":
            return [{"if": "s.y == 0", "then": [phase], "else": whole}]
        return whole

    def _shape(self) -> list[tuple[str, int | None]]:
        return [
            ("w" if i == 0 else "xyz"[i - 1], count)
            for i, count in enumerate(
                self._one((2,), (2,), (3,), (None, None), (None, 2), (2, None), (2, 2), (None, None, None))
            )
        ]

    def _objects(self, doc: Doc) -> None:
        names = ["a", "b", "c"][: self._one(1, 1, 2, 2, 3)]
        first = {n: self._one(1, 1, 1, 2) if self._tidy else self._one(0, 1, 1, 1, 2) for n in names}
        self._sets = [names]
        if len(names) > 1 and self._maybe(0.3):
            self._sets = [names[:1], names[1:]]
        doc["semaphores"] = {f"set{i}": {n: first[n] for n in s} for i, s in enumerate(self._sets)}
        self._queue = not self._plain and self._maybe(0.3)
        if self._queue:
            doc["queues"] = {"q": {"message": {"n": "int"}, "bytes": self._one(4, 4, 8)}}
        self._segment = not self._plain and self._maybe(0.45)
        if self._segment:
            fields = {"x": "int", "y": {"type": "int", "atomic": True}, "z": "int[2]"}
            doc["segments"] = {"s": fields}

    # --- steps ---

    def _steps(self, depth: int, length: int, visible: bool = False) -> Steps:
        found = [s for _ in range(length) for s in self._statement(depth)]
        if visible and not any(set(s) & {"P", "V", "semop", "send", "receive"} for s in found):
            found += self._critical(0) if self._tidy else self._semop()
        return found

    def _statement(self, depth: int) -> Steps:
        chance = self._chance.random()
        if chance < 0.24:
            return self._critical(depth)
        if chance < 0.46:
            return self._critical(0) if self._tidy and self._maybe(0.9) else self._semop()
        if chance < 0.62 and (self._segment or self._queue):
            return self._data()
        if chance < 0.78 and depth:
            return self._control(depth - 1)
        if chance < 0.90:
            return [self._phase()]
        return self._other()

    def _phase(self) -> Any:
        name = self._one(*self._phases)
        return {"phase": name, "progress": True} if self._progress and name == "A" else {"phase": name}

    def _critical(self, depth: int) -> Steps:
        mutex = self._one(*self._sets[0])
        what: Any = mutex
        if len(self._sets[0]) > 1 and self._maybe(0.3):
            what = self._chance.sample(self._sets[0], 2)
        take: Doc = {"P": what}
        give: Doc = {"V": what}
        if self._maybe(0.15):
            return [{"choose": [[{"P": what}, *self._inside(depth), give], []]}]
        if self._rough and self._maybe(0.4):
            take["undo"] = give["undo"] = True
        return [take, *self._inside(depth), give]

    def _inside(self, depth: int) -> Steps:
        """What is done in a critical section."""
        inside = [self._phase()] if self._maybe(0.6) else []
        inside += self._statement(depth - 1) if depth and self._maybe(0.5) else []
        return [*inside, {"phase": self._phases[-1]}] if self._maybe(0.15) else inside

    def _semop(self) -> Steps:
        names = self._one(*self._sets)
        chance = self._chance.random()
        if chance < 0.36:
            step: Doc = {"P": self._one(*names)}
        elif chance < 0.70:
            step = {"V": self._one(*names)}
        elif chance < 0.78:
            step = {"Z": self._one(*names)}
        elif chance < 0.82:
            step = {"P": {self._one(*names): 2}}
        elif chance < 0.92 and len(names) > 1:
            pair = self._chance.sample(names, 2)
            step = {"semop": {n: self._one(-1, -1, 1, 0) for n in pair}}
        else:
            step = {"semop": [{self._one(*names): self._one(-1, 1, 0)} for _ in range(2)]}
        return [self._patience(step, "EAGAIN")]

    def _patience(self, step: Doc, errno: str) -> Doc:
        chance = self._chance.random()
        if chance < (0.8 if self._tidy else 0.10):
            step["nowait"] = True
        elif chance < (0.95 if self._tidy else 0.18):
            step["timeout"], errno = "5ms", "EAGAIN"
        elif self._rough and chance < 0.25 and ("P" in step or "V" in step):
            step["undo"] = True
            return step
        else:
            return step
        if self._tidy or self._maybe(0.85):
            step["on_error"] = {errno: self._one([], [], [{"exit": 1}], self._steps(0, 1))}
        return step

    def _data(self) -> Steps:
        if self._queue and (not self._segment or self._maybe(0.5)):
            kinds = (1, 2, 2, "me + 1") if self._me else (1, 1, 2)
            if self._maybe(0.5):
                message = {"n": self._one(0, 1, "n")}
                return [
                    self._patience(
                        {"send": {"queue": "q", "type": self._one(*kinds), "message": message}}, "EAGAIN"
                    )
                ]
            wanted = self._one(0, 0, 1, -2, *kinds)
            return [
                self._patience(
                    {
                        "receive": {
                            "queue": "q",
                            "type": wanted,
                            **({"into": "r"} if self._maybe(0.4) else {}),
                        }
                    },
                    "ENOMSG",
                )
            ]
        field = self._one(
            "s.x", "s.x", "s.y", "s.y", "s.z[0]", "s.z[1]", "s.z[me % 2]" if self._me else "s.x"
        )
        value = self._one(0, 1, "n", f"({field} + 1) % 3")
        if self._maybe(0.3):
            return [{"set": {"n": field}}]
        if self._maybe(0.2) and self._sets[0]:
            mutex = self._sets[0][0]
            return [{"P": mutex}, {"set": {field: value}}, {"V": mutex}]
        return [{"set": {field: value}}]

    def _control(self, depth: int) -> Steps:
        body = self._steps(depth, self._one(1, 1, 2))
        kind = self._one("repeat", "repeat", "while", "if", "if", "choose", "choose", "round")
        condition = self._one("n == 0", "n < 2", *(["me == 0", "me == 0"] if self._me else []))
        if kind == "repeat":
            return [{"repeat": self._one(1, 2, 2), "steps": body}]
        if kind == "while":
            if self._segment and self._maybe(0.6):
                return [{"while": self._one("s.y == 0", "s.x == 1"), "steps": []}]
            return [{"while": "n < 2", "steps": [*body, {"set": {"n": "n + 1"}}]}]
        if kind == "if":
            if self._segment and self._maybe(0.3):
                condition = self._one("s.x == 0", "s.y == 0")
            return [{"if": condition, "then": body, "else": self._steps(depth, self._one(0, 1))}]
        if kind == "choose":
            return [{"choose": [body, self._steps(depth, self._one(0, 1, 1))]}]
        return [*body, {"set": {"n": "(n + 1) % 2"}}]

    def _other(self) -> Steps:
        if self._plain and self._maybe(0.8):
            return self._critical(0)
        kind = self._one("assert", "exit", "crash", "get", "set_value", "choice", "rough", "rough")
        name = self._one(*self._sets[0])
        if kind == "assert":
            return [{"assert": self._one("n == 0", "n < 3")}]
        if kind == "exit" and self._maybe(0.5):
            return [{"exit": 0}]
        if kind == "crash" and self._maybe(0.5):
            return [{"choose": [[{"crash": None}], []]}]
        if kind == "get":
            return [{"get": {"value": name, "into": "n"}}]
        if kind == "set_value":
            return [{"set_value": {name: self._one(0, 1)}}]
        if kind == "rough" and self._rough:
            return self._rough_one(name)
        return [{"choose": [[{"exit": 0}], [{"phase": "A"}]]}]

    def _rough_one(self, name: str) -> Steps:
        chance = self._chance.random()
        if chance < 0.4:
            return [{"get": {"ncnt": name, "into": "n"}}]
        family, count = self._one(*self._families)
        target = family if count is None else f"{family}[{self._chance.randrange(count)}]"
        what = self._one("SIGKILL", "SIGUSR1", "SIGSTOP", "SIGCONT")
        return [{"signal": {"to": target, "name": what}, "on_error": {"ESRCH": []}}]

    # --- properties ---

    def _somebody(self) -> str:
        family, count = self._one(*self._families)
        return family if count is None else f"{family}[{self._chance.randrange(count)}]"

    def _property(self) -> Doc:
        chance = self._chance.random()
        phase = self._one(*self._phases)
        if chance < 0.4:
            return {"always_eventually": phase}
        if chance < 0.5:
            family, count = self._families[0]
            if count is not None:
                apart = f"at({family}[i], '{phase}') and at({family}[(i + 1) % {count}], '{phase}')"
                every = f"at({family}[i], '{phase}')"
                return {"never": f"any({self._one(apart, apart, every)} for i in range({count}))"}
            return {"never": f"at({family}, '{phase}')"}
        if chance < 0.55:
            return {"never": f"at({self._somebody()}, '{phase}') and at({self._somebody()}, '{phase}')"}
        if chance < 0.65:
            return {self._one("never", "always"): f"at({self._somebody()}, '{phase}') and {self._value()}"}
        if chance < 0.8:
            return {self._one("never", "always"): self._value()}
        if chance < 0.9:
            return {"always": f"not ended({self._somebody()}) or {self._one('ended', 'not ended')}"
                    f"({self._somebody()})"}  # fmt: skip
        return {"at_end": self._value()}

    def _value(self) -> str:
        choices = [f"{n} {self._one('<=', '==', '!=')} {self._one(0, 1, 2)}" for s in self._sets for n in s]
        if self._queue:
            choices += ["len(q) <= 1", "len(q) == 0"]
        if self._segment:
            choices += ["s.x == 0", "s.x <= 1", "s.x == s.y", "s.z[0] == 0"]
        return str(self._one(*choices))
