"""Steps that nobody notices, where stubborn sets do not apply: they are done with the step before them.

After its last step a process is ending, then a zombie, then reaped (S-29). Each is a state of its own,
since kill(2) may come in between. Where nobody alive has such a call before him any more, what is left of an
end that has nothing to give back changes nothing for anybody: in whatever order it happens, the others do and
see the same. So exploring it alone keeps everything (a persistent set of one; P. Godefroid, 1996). It is part
of no loop: it happens once.
"""

from __future__ import annotations

from ipcsim.explorer.accesses import Accesses
from ipcsim.explorer.checks import Checks
from ipcsim.model import processes
from ipcsim.model.effects import Action, Effects
from ipcsim.model.layout import View
from ipcsim.model.locals import GONE, Local, Mode
from ipcsim.model.machine import Machine
from ipcsim.program.instructions import Signal

_LAST = GONE | {Mode.ENDING}


class Quiet:
    """Takes such steps; see the module."""

    def __init__(self, machine: Machine, accesses: list[Accesses], checks: Checks) -> None:
        self._machine = machine
        self._mortal = [p.number for p in machine.processes if p.family in machine.reaping]
        self._ends_show = checks.asks_for_ends
        # by family that is signalled, process, pc: whether it may still signal one of that family
        self._may_signal = {
            family: [
                text.reaching([isinstance(i, Signal) and i.family == family for i in proc.code])
                for proc, text in zip(machine.processes, accesses, strict=True)
            ]
            for family in machine.reaping
        }

    def of(self, state: int) -> int:
        """The state after all such steps."""
        return state + sum(a.delta for a in self.unseen(state))

    def unseen(self, state: int) -> tuple[Action, ...]:
        """All such steps that can be done in `state`, one after another."""
        taken: list[Action] = []
        while (action := self._alone(state)) is not None:
            taken.append(action)
            state += action.delta
        return tuple(taken)

    def _alone(self, state: int) -> Action | None:
        for process in self._mortal:
            local = self._machine.local(state, process)
            if local.mode in _LAST and self._unseen(state, process, local):
                action = next(iter(self._machine.actions_of(state, process)), None)
                if action is not None:
                    return action
        return None

    def _unseen(self, state: int, process: int, local: Local) -> bool:
        if local.mode is Mode.ENDING:
            # no phase to leave, nothing to give back; kill(2) finds it before and after
            held = processes.holdings(self._machine, Effects(View(self._machine.layout, state)), process)
            return not held and local.phase is None and not self._ends_show
        return not self._signallers(state, self._machine.processes[process].family)

    def _signallers(self, state: int, family: int) -> bool:
        machine = self._machine
        return any(
            may[local.pc]
            for proc, may in zip(machine.processes, self._may_signal[family], strict=True)
            if (local := machine.local(state, proc.number)).mode not in _LAST
        )
