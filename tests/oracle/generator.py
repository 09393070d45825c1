"""Random scenarios, small enough for brute force. Which features one may have can be said."""

from __future__ import annotations

from typing import Any

from tests.oracle.chance import Doc, Steps, written
from tests.oracle.parts import Lives, Meetings, Messages, Properties


class Generator(Meetings, Messages, Lives, Properties):
    """Makes one scenario."""

    @property
    def crashes(self) -> int:
        """How many may die anywhere."""
        return self._one(1, 1, 2) if "budget" in self.features else 0

    def text(self) -> str:
        """The scenario."""
        return written(self._doc())

    # --- the whole ---

    def _doc(self) -> Doc:
        doc: Doc = {}
        names = ["a", "b", "c"][: self._one(1, 2, 2, 3)]
        self._sets = [names]
        if len(names) > 1 and self._maybe(0.35):
            self._sets = [names[:1], names[1:]]
        self._meeting = bool({"kill", "signals"} & self.features) and self._maybe(0.5)
        first = (1, 1, 1, 2) if self.tidy else (0, 1, 1, 2)
        doc["semaphores"] = {f"set{i}": {n: self._one(*first) for n in s} for i, s in enumerate(self._sets)}
        if self._meeting and self._maybe(0.85):
            doc["semaphores"]["set0"]["a"] = 0
        if self._maybe(0.15):
            doc["semaphores"]["set0"]["f"] = {"count": 2, "value": self._one(*first)}
            names += ["f[0]", "f[1]"] if self._sets[0] is names else []
        self._made: list[str] = []
        if "lives" in self.features:
            self._made = ["box"] if self._maybe(0.5) else ["life"]
            if "life" in self._made:
                doc["semaphores"]["life"] = {"l": 0, "key": 0x7301}
        if "queues" in self.features:
            doc.setdefault("queues", {})["q"] = {"message": {"n": "int"}, "bytes": self._one(4, 4, 8)}
        if "box" in self._made:
            doc.setdefault("queues", {})["box"] = {"message": {"n": "int"}, "bytes": 4, "key": 0x7302}
        if "segments" in self.features:
            doc["segments"] = {"s": {"x": "int", "y": {"type": "int", "atomic": True}, "z": "int[2]"}}
        elif "restless" in self.features:
            doc["segments"] = {"s": {"y": {"type": "int", "atomic": True}}}
        self._families = self._shape()
        self._progress = self._maybe(0.15)
        doc["processes"] = {name: self._family(i) for i, (name, _) in enumerate(self._families)}
        self._entered = [n for n in ("A", "B") if f"'phase': '{n}'" in repr(doc)] or [""]
        properties = [self._property() for _ in range(self._one(0, 1, 1, 2))]
        if properties:
            doc["properties"] = {f"p{i}": p for i, p in enumerate(properties)}
        return doc

    def _shape(self) -> list[tuple[str, int | None]]:
        counts: Any = self._one(
            (2,), (None, None), (None, None), (None, 2), (2, None), (None, None, None), (3,)
        )
        if self._meeting or "rounds" in self.features:
            counts = self._one((None, None), (2,), (None, None, None))
        shape = [("wxyz"[i], n) for i, n in enumerate(counts)]
        self._child = "spawn" in self.features and len(shape) < 3
        return [*shape, ("child", None)] if self._child else shape

    def _family(self, number: int) -> Doc:
        name, count = self._families[number]
        self._me = count is not None and self._maybe(0.4)
        family: Doc = {} if count is None else {"count": count}
        if name == "child":
            family["spawned"] = True
        n = 0 if self._meeting else self._one(0, 0, 1, "me" if self._me else 1)
        family["locals"] = {"n": n, "got": 0}
        if "restless" in self.features:
            family["steps"] = [{"forever": [s for _ in range(self._one(1, 1, 2)) for s in self._round()]}]
        elif "rounds" in self.features:
            family["steps"] = self._counted()
        elif self._meeting and number == 0:
            family["steps"] = self._one_who_sleeps()
        elif self._meeting and number == 1:
            family["steps"] = self._one_who_disturbs()
        else:
            family["steps"] = self._text()
        if self._child and number == 0:
            family["steps"].insert(
                self._one(0, len(family["steps"])), {"spawn": "child", "on_error": {"EAGAIN": []}}
            )
        return family

    def _text(self) -> Steps:
        steps: Steps = []
        if self._made:
            steps += self._opening()
        steps += self._steps(2, self._one(1, 2, 2, 3))
        if self._has("forever", 0.6):
            steps.append({"forever": self._steps(1, self._one(1, 2), visible=True)})
        return steps

    def _counted(self) -> Steps:
        """Rounds that a search need not count, and what stands behind them."""
        body = [s for _ in range(self._one(1, 1, 2)) for s in self._critical(0, plain=True)]
        behind: Steps = self._one(
            [],
            [self._phase()],
            [{"assert": self._one("n == 0", "me == 0")}],
            [{"if": f"{self._one(1, 5)} // me > 0", "then": [self._phase()], "else": []}],
            [{"exit": 1}],
            [{"P": "a"}],
            [{"crash": "SIGKILL"}],
        )
        rounds = {"repeat": self._one(2, 2, 3), "steps": body}
        return [*([self._phase()] if self._maybe(0.3) else []), rounds, *behind]

    # --- liveness ---

    def _round(self) -> Steps:
        """A part of a round that nobody has to stay in for ever."""
        name, phase = self._one(*self._sets[0]), self._phase()
        whole: Steps = [{"P": name}, phase, {"V": name}]
        kinds = ["whole", "whole", "choose", "flag", "await", "zero"]
        kinds += ["try"] if "timeout" in self.features else []
        kinds += ["all"] if len(self._sets[0]) > 1 else []
        match self._one(*kinds):
            case "try":
                return [{"P": name, "timeout": "5ms", "on_error": {"EAGAIN": whole}}, {"V": name}]
            case "choose":
                return [{"choose": [whole, [self._phase()]]}]
            case "all":
                return [{"P": [*self._sets[0]]}, phase, {"V": [*self._sets[0]]}]
            case "flag":
                return [{"set": {"s.y": self._one(0, 1, "1 - s.y")}}, self._phase()]
            case "await":
                return [{"while": "s.y == 1", "steps": []}, self._phase()]
            case "zero":
                return [{"if": "s.y == 0", "then": [phase], "else": whole}]
        return whole

    # --- steps ---

    def _steps(self, depth: int, length: int, visible: bool = False) -> Steps:
        found = [s for _ in range(length) for s in self._statement(depth)]
        if visible and not any(set(s) & {"P", "V", "Z", "semop", "send", "receive"} for s in found):
            found += self._critical(0)
        return found

    def _statement(self, depth: int) -> Steps:
        kinds = ["critical"] * 3 + ["phase"] * 2 + ["semop"] * (1 if self.tidy else 4)
        kinds += ["data"] * 5 if {"queues", "segments"} & self.features else []
        kinds += ["control"] * 2 if depth else []
        kinds += [k for k in ("kill", "signals", "counts", "lives", "crash") if k in self.features] * 2
        kinds += ["set_value"] if "set_value" in self.features else []
        kinds += ["valueless"] if "valueless" in self.features else []
        kinds += ["assert", "exit"]
        match self._one(*kinds):
            case "critical":
                return self._critical(depth)
            case "phase":
                return [self._phase()]
            case "semop":
                return self._semop()
            case "data":
                return self._data()
            case "control":
                return self._control(depth - 1)
        return self._other()

    def _other(self) -> Steps:
        name = self._one(*self._sets[0])
        kinds = [
            k
            for k in ("kill", "signals", "counts", "lives", "crash", "set_value", "valueless")
            if k in self.features
        ]
        match self._one("assert", "exit", *kinds, *kinds):
            case "kill":
                return [self._kill("SIGKILL")]
            case "signals":
                if self._maybe(0.3):
                    stop = self._kill("SIGSTOP")
                    return [stop, {**stop, "signal": {**stop["signal"], "name": "SIGCONT"}}]
                return [self._kill(self._one("SIGUSR1", "SIGUSR1", "SIGUSR1", "SIGSTOP", "SIGCONT"))]
            case "counts":
                count = {"get": {self._one("ncnt", "ncnt", "zcnt"): name, "into": "n"}}
                return [{"while": "n == 0", "steps": [count]}] if self._maybe(0.4) else [count]
            case "lives":
                return self._life()
            case "crash":
                return [{"choose": [[{"crash": "SIGKILL"}], []]}]
            case "set_value":
                return [{"set_value": {name: self._one(0, 1)}}]
            case "valueless":
                beyond = [{"P": "f[n + 1]"}] if "f[0]" in self._sets[0] else []
                return [self._one({"assert": "1 // n == 1"}, {"set": {"n": "1 // n"}}, *beyond)]
            case "assert":
                return [{"assert": self._one("n == 0", "n < 3")}]
        return [{"choose": [[{"exit": self._one(0, 1)}], [self._phase()]]}]

    def _critical(self, depth: int, plain: bool = False) -> Steps:
        names = self._sets[0] if plain else self._one(*self._sets)
        what: Any = self._one(*names)
        if "arrays" in self.features and len(names) > 1 and self._maybe(0.3):
            what = self._chance.sample(names, 2)
        take, give = self._interruptible({"P": what}), {"V": what}
        if not plain and self._has("undo", 0.6):
            take["undo"] = True
            if self._maybe(0.9):
                give["undo"] = True
        inside = [self._phase()] if self._maybe(0.5) else []
        if depth and self._maybe(0.5):
            inside += self._statement(depth - 1)
        return [take, *inside, give]

    def _semop(self) -> Steps:
        names = self._one(*self._sets)
        name = self._one(*names)
        kinds = ["P", "V", "V"] + (["Z"] if "zero" in self.features else [])
        kinds += ["array", "array"] if "arrays" in self.features else []
        step: Doc
        match self._one(*kinds):
            case "P":
                step = {"P": self._one(name, name, {name: 2})}
            case "V":
                step = {"V": name}
            case "Z":
                step = {"Z": name}
            case _:
                pair = [self._one(*names) for _ in range(2)]
                step = {"semop": [{n: self._one(-1, -1, 1, 0)} for n in pair]}
                if self._has("nowait", 0.3):
                    step["semop"][self._one(0, 1)]["nowait"] = True
                    step["on_error"] = {"EAGAIN": self._little()}
        return [self._patience(step, "EAGAIN")]

    def _data(self) -> Steps:
        if "queues" in self.features and ("segments" not in self.features or self._maybe(0.5)):
            return [self._message()]
        if self._has("told", 0.4):
            return self._told_by_a_call()
        field = self._one(
            "s.x", "s.x", "s.y", "s.y", "s.z[0]", "s.z[1]", "s.z[me % 2]" if self._me else "s.x"
        )
        value = self._one(0, 1, "n", f"({field} + 1) % 3")
        if "valueless" in self.features and self._maybe(0.2):
            return [{"set": {"s.z[n + 1]": 1}}]
        if self._maybe(0.3):
            return [{"set": {"n": field}}]
        if self._maybe(0.3):
            mutex = self._sets[0][0]
            return [{"P": mutex}, {"set": {field: value}}, {"V": mutex}]
        return [{"set": {field: value}}]

    def _control(self, depth: int) -> Steps:
        body = self._steps(depth, self._one(1, 1, 2))
        condition = self._one("n == 0", "n < 2", *(["me == 0"] if self._me else []))
        match self._one("repeat", "while", "if", "if", "choose", "turn"):
            case "repeat":
                return [{"repeat": self._one(1, 2), "steps": body}]
            case "while" if "segments" in self.features and self._maybe(0.6):
                return [{"while": self._one("s.y == 0", "s.x == 1"), "steps": []}]
            case "while":
                return [{"while": "n < 2", "steps": [*body, {"set": {"n": "n + 1"}}]}]
            case "if":
                if "segments" in self.features and self._maybe(0.3):
                    condition = self._one("s.x == 0", "s.y == 0 and n == 0")
                return [{"if": condition, "then": body, "else": self._steps(depth, self._one(0, 1))}]
            case "choose":
                return [{"choose": [body, self._steps(depth, self._one(0, 1, 1))]}]
        return [*body, {"set": {"n": "(n + 1) % 2"}}]
