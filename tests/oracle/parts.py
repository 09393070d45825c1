"""Particular steps of random scenarios: what meets at one sleeper, messages, lives of objects, properties."""

from __future__ import annotations

from tests.oracle.chance import Chance, Doc, Steps


class Meetings(Chance):
    """A signal and what is waited for on their way to one sleeper."""

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


class Messages(Chance):
    """Messages, and accesses that a call tells of."""

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


class Lives(Chance):
    """Objects that come and go."""

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
        if "V" not in step and self._has("timeout", 0.5):
            step["timeout"], refused["EAGAIN"] = "5ms", self._little()
        if not self._has("errnos", 0.3):
            step["on_error"] = refused
        return [self._interruptible(step)]


class Properties(Chance):
    """What is claimed of the whole."""

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
