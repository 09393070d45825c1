"""Random scenarios, small enough for brute force. Which features one may have can be said."""

from __future__ import annotations

import random
from typing import Any

import yaml

FEATURES = (
    "nowait",  # calls that do not wait
    "timeout",
    "arrays",  # semops of several operations
    "zero",  # waits for zero
    "queues",
    "segments",  # and so races
    "told",  # accesses behind calls that fail, which may tell of another's access without ordering it
    "set_value",
    "counts",  # GETNCNT, GETZCNT
    "undo",
    "crash",  # `crash:`
    "kill",  # SIGKILL
    "signals",  # SIGUSR1, SIGSTOP, SIGCONT
    "spawn",
    "lives",  # objects that processes create, open and remove
    "rounds",  # nothing but counted loops around units, and something behind them
    "valueless",  # expressions and properties that may have no value
    "errnos",  # calls whose errno nothing handles
    "budget",  # anybody may die
    "restless",  # everybody goes round for ever
    "forever",
)

Steps = list[Any]
Doc = dict[str, Any]


class _Plain(yaml.SafeDumper):
    """Without anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(doc: Doc) -> str:
    """A document as the file that a user would write."""
    return yaml.dump(doc, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=100)


class Generator:
    """Makes one scenario out of a source of chance, with some of the `allowed` features and all of `sure`."""

    def __init__(
        self,
        chance: random.Random,
        allowed: frozenset[str] = frozenset(FEATURES),
        sure: frozenset[str] = frozenset(),
    ) -> None:
        self._chance = chance
        some = chance.choice((0.12, 0.25, 0.4))
        self.features = frozenset(f for f in FEATURES if chance.random() < some) & allowed | sure
        self.tidy = chance.random() < 0.55  # who takes gives back, and nobody waits for what may not come

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _one(self, *among: Any) -> Any:
        return self._chance.choice(among)

    def _has(self, feature: str, probability: float = 1.0) -> bool:
        return feature in self.features and self._maybe(probability)

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

    # --- a signal and what is waited for on their way to one sleeper ---

    def _one_who_sleeps(self) -> Steps:
        name, other = self._sets[0][0], self._one(*self._sets[-1])
        calls: Steps = [{"P": name}, {"P": name}, {"semop": [{name: -1}]}]
        calls += [{"Z": name}] if "zero" in self.features else []
        if "queues" in self.features:
            calls += [{"receive": {"queue": "q"}}, {"send": {"queue": "q", "type": 1}}]
        call = self._one(*calls)
        if "P" in call and self._has("undo", 0.7):
            call["undo"] = True
        if self._has("timeout", 0.3):
            call["timeout"] = "5ms"
        after: Steps = [[], [self._phase()], [{"V": other}], [{"set": {"got": 1}}], [{"exit": 1}]]
        call["on_error"] = {e: self._one(*after) for e in ("EINTR", "EAGAIN")}
        before = self._one(
            [], [self._phase()], [{"P": other, **({"undo": True} if self._has("undo") else {})}]
        )
        behind = self._one([], [{"V": name}], [{"assert": "got == 0"}], [self._phase(), {"V": other}])
        return [*before, call, *behind]

    def _one_who_disturbs(self) -> Steps:
        name, other = self._sets[0][0], self._one(*self._sets[-1])
        sleeper = self._families[0][0] if self._families[0][1] is None else f"{self._families[0][0]}[0]"

        def signal(word: str) -> Doc:
            return {"signal": {"to": sleeper, "name": word}, "on_error": {"ESRCH": self._little()}}

        ways: list[Steps] = []
        if "kill" in self.features:
            ways.append([signal("SIGKILL")])
        if "signals" in self.features:
            ways += [[signal("SIGUSR1")], [signal("SIGSTOP")]]
        disturbs = self._one(*ways)
        wakes: list[Steps] = [
            [{"V": name}],
            [{"V": name}],
            [{"P": {name: 1}, "nowait": True, "on_error": {"EAGAIN": []}}],
        ]
        if "queues" in self.features:
            wakes += [[{"send": {"queue": "q", "type": 1}}], [{"receive": {"queue": "q"}}]]
        if "lives" in self.features and "queues" in self.features:
            wakes += [[{"remove": "q"}]]
        wake = self._one(*wakes)
        if disturbs[0]["signal"]["name"] == "SIGSTOP" and self._maybe(0.8):
            wake = [*wake, signal("SIGCONT")] if self._maybe(0.7) else [signal("SIGCONT"), *wake]
        guard: Steps = []
        if "counts" in self.features:
            guard = [{"while": "n == 0", "steps": [{"get": {"ncnt": name, "into": "n"}}]}]
        behind = self._one(
            [],
            [{"P": other}],
            [{"get": {"value": name, "into": "got"}}, {"assert": "got == 0"}],
            [{"P": name, "nowait": True}],
            [{"P": name, "nowait": True, "on_error": {"EAGAIN": [self._phase()]}}],
        )
        return [*guard, *disturbs, *wake, *behind]

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

    def _kill(self, name: str) -> Doc:
        step: Doc = {"signal": {"to": self._somebody(), "name": name}}
        return step if self._has("errnos", 0.3) else {**step, "on_error": {"ESRCH": self._little()}}

    def _little(self) -> Steps:
        """Steps for `on_error`."""
        give = {"V": self._one(*self._sets[0])}
        steps: Steps = self._one([], [], [self._phase()], [{"exit": 1}], [give])
        return steps

    def _somebody(self) -> str:
        family, count = self._one(*self._families)
        return family if count is None else f"{family}[{self._chance.randrange(count)}]"

    def _phase(self) -> Doc:
        name = self._one("A", "A", "B")
        return {"phase": name, "progress": True} if self._progress and name == "A" else {"phase": name}

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

    def _interruptible(self, step: Doc) -> Doc:
        """A call that sleeps, ready for what signals do to it."""
        if {"signals"} & self.features and (self.tidy or self._maybe(0.8)):
            step.setdefault("on_error", {})["EINTR"] = self._little()
        return step

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

    def _patience(self, step: Doc, errno: str) -> Doc:
        if "V" in step:
            return {**step, "undo": True} if self._has("undo", 0.3) else step
        if self._has("nowait", 0.5):
            step["nowait"] = True
        elif self._has("timeout", 0.5):
            step["timeout"], errno = "5ms", "EAGAIN"
        elif "P" in step and self._has("undo", 0.4):
            step["undo"] = True
        if ("nowait" in step or "timeout" in step) and not self._has("errnos", 0.2):
            step.setdefault("on_error", {})[errno] = self._little()
        return self._interruptible(step)

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

    def _told_by_a_call(self) -> Steps:
        """An access behind a call that tells something of another's access: which results order?"""
        mutex, store, load = self._sets[0][0], {"set": {"s.x": 1}}, {"set": {"n": "s.x"}}
        ways: list[Steps] = [[store, {"P": mutex}, {"V": mutex}]]
        if "nowait" in self.features:
            busy = {"EAGAIN": [load, {"exit": 0}]}
            ways += [[{"P": mutex, "nowait": True, "on_error": busy}, {"V": mutex}]] * 2
        if "timeout" in self.features:
            ways.append([{"P": mutex, "timeout": "5ms", "on_error": {"EAGAIN": [load, {"exit": 0}]}}])
        if "queues" in self.features:
            ways.append([store, {"send": {"queue": "q", "type": 1}}])
            ways.append([{"receive": {"queue": "q"}}, load])
            asked = {"stat": {"object": "q", "field": "qnum", "into": "n"}}
            ways.append([{"while": "n == 0", "steps": [asked]}, load])
            if "nowait" in self.features:
                empty = {"ENOMSG": [load]}
                ways.append([{"receive": {"queue": "q"}, "nowait": True, "on_error": empty}])
        if "kill" in self.features:
            ended = {"to": self._somebody(), "name": "SIGCONT"}
            ways.append([{"signal": ended, "on_error": {"ESRCH": [load]}}])
        steps: Steps = self._one(*ways)
        return steps

    def _message(self) -> Doc:
        kind = self._one(1, 1, 2, "me + 1") if self._me else self._one(1, 1, 2)
        if self._maybe(0.5):
            message = {"queue": "q", "type": kind, "message": {"n": self._one(0, 1, "n")}}
            if self._maybe(0.1):
                message = {"queue": "q", "type": kind, "length": 0}
            return self._patience({"send": message}, "EAGAIN")
        asked: Doc = {"queue": "q", "type": self._one(0, 0, 1, -2, kind)}
        if self._maybe(0.4):
            asked["into"] = "r"
        if self._maybe(0.1):
            asked |= {"type": 1, "except": True}
        step: Doc = {"receive": asked}
        if self._maybe(0.12):
            asked["size"] = 0
            if self._maybe(0.5):
                asked["noerror"] = True
            else:
                step["on_error"] = {"E2BIG": self._little()}
        return self._patience(step, "ENOMSG")

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

    # --- objects that come and go ---

    def _opening(self) -> Steps:
        name = self._made[0]
        steps: Steps = self._one(
            [{"create": name}],
            [{"create": {"object": name, "exclusive": True}, "on_error": {"EEXIST": [{"open": name}]}}],
            [{"open": name, "on_error": {"ENOENT": self._one([{"exit": 0}], [{"create": name}], [])}}],
            [],
        )
        return steps

    def _life(self) -> Steps:
        name, refused = self._made[0], {"EINVAL": self._little(), "EIDRM": self._little()}
        if self._maybe(0.3):
            return [{"remove": name, "on_error": {"EINVAL": self._little()}}]
        if self._maybe(0.2):
            return self._opening()
        step: Doc
        if name == "life":
            step = {self._one("P", "V", "V"): "l"}
        elif self._maybe(0.5):
            step = {"send": {"queue": name, "type": 1, "message": {"n": 1}}}
        else:
            step = {"receive": {"queue": name}}
        if not self._has("errnos", 0.3):
            step["on_error"] = refused
        return [self._interruptible(step)]

    # --- properties ---

    def _property(self) -> Doc:
        phase = self._one(*self._entered)
        here, there = self._somebody(), self._somebody()
        if phase and self._has("valueless", 0.5):
            return self._maybe_valueless(phase)
        with_phase = ("often", "never", "both", "inside") if phase else ()
        match self._one(*with_phase, "value", "value", "ends", "at_end"):
            case "often":
                return {"always_eventually": phase}
            case "never":
                return {"never": f"at({here}, '{phase}')"}
            case "both":
                family, count = self._families[0]
                if count is None:
                    return {"never": f"at({here}, '{phase}') and at({there}, '{phase}')"}
                apart = f"at({family}[i], '{phase}') and at({family}[(i + 1) % {count}], '{phase}')"
                return {"never": f"any({apart} for i in range({count}))"}
            case "value":
                return {self._one("never", "always"): self._value()}
            case "ends":
                return {"always": f"not ended({here}) or {self._one('', 'not ')}ended({there})"}
            case "at_end":
                return {"at_end": self._value()}
        return {self._one("never", "always"): f"at({here}, '{phase}') and {self._value()}"}

    def _maybe_valueless(self, phase: str) -> Doc:
        family, count = self._families[0]
        if count is not None and self._maybe(0.5):
            apart = f"at({family}[i], '{phase}') and at({family}[i + 1], '{phase}')"
            return {"never": f"any({apart} for i in range({count}))"}
        condition = f"at({self._somebody()}, '{phase}') and 1 // {self._sets[0][0]} == 5"
        return {self._one("never", "at_end"): condition}

    def _value(self) -> str:
        choices = [f"{n} {self._one('<=', '==', '!=')} {self._one(0, 1, 2)}" for s in self._sets for n in s]
        if "queues" in self.features:
            choices += ["len(q) <= 1", "len(q) == 0"]
        if "segments" in self.features:
            choices += ["s.x == 0", "s.x <= 1", "s.x == s.y", "s.z[0] == 0"]
        return str(self._one(*choices))
