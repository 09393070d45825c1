"""What /proc tells of a sleeper, and how it lies: R-1 to R-8."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from ipcsim.facts.syscalls import CALLS
from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import probe, sleepers
from ipcsim.snapshot import SemaphoreWait
from ipcsim.sysv import keys, libc, namespaces, semaphores
from tests.conformance import needs
from tests.conformance.calls import DONE, attach, ncnt, pids, receive, semop, send, try_semop
from tests.conformance.child import Child, MakeQueue, MakeSegment, MakeSet, NewChild

pytestmark = pytest.mark.skipif(
    platform.machine() not in CALLS, reason="the numbers of this machine's calls are not known"
)


def shown(child: Child, name: str) -> str:
    return Path(f"/proc/{child.pid}/{name}").read_text()


def word(child: Child, place: int) -> int:
    return int(shown(child, "syscall").split()[place], 16)


# --- what it tells ---


def test_a_semop_shows_the_set_and_where_its_operations_lie(make_set: MakeSet, new_child: NewChild) -> None:
    """R-1: the call, the id, the address, the count; the operations are in its memory, 6 bytes each."""
    made = make_set(1, 0, 0)
    child = new_child().sleeps_in(semop, made, (0, 0), (2, -3))
    assert word(child, 1) == made
    assert word(child, 3) == 2
    found = sleepers.look(child.pid)
    assert found is not None
    assert (found.kind, found.id) == (ObjectKind.SEMAPHORES, made)
    assert found.call == sleepers.Operations(((0, 0), (2, -3)), False)


def test_a_receive_shows_its_type_as_a_signed_number(make_queue: MakeQueue, new_child: NewChild) -> None:
    """R-1: a long, and the flags behind it."""
    made = make_queue()
    child = new_child().sleeps_in(receive, made, 64, -7)
    assert word(child, 4) == 2**64 - 7
    found = sleepers.look(child.pid)
    assert found is not None
    assert found.call == sleepers.Receiving(-7)
    but = new_child().sleeps_in(receive, made, 64, 7, libc.MSG_EXCEPT)
    found = sleepers.look(but.pid)
    assert found is not None
    assert found.call == sleepers.Receiving(7, exclude=True)


def test_a_send_shows_its_length_and_where_its_type_lies(make_queue: MakeQueue, new_child: NewChild) -> None:
    """R-1: the type is the first long of the message."""
    child = new_child().sleeps_in(send, make_queue(0), 5, b"four")
    found = sleepers.look(child.pid)
    assert found is not None
    assert found.call == sleepers.Sending(5, 4)


def test_the_program_file_tells_whose_numbers_they_are(make_set: MakeSet, new_child: NewChild) -> None:
    """R-2: a program of 64 bits, and the number of this machine."""
    child = new_child().sleeps_in(semop, make_set(0), (0, -1))
    assert Path(f"/proc/{child.pid}/exe").read_bytes()[:5] == b"\x7fELF\x02"
    number = int(shown(child, "syscall").split()[0])
    assert CALLS[platform.machine()][number] in ("semop", "semtimedop")


# --- how it lies ---


def test_a_stopped_task_still_shows_its_call(make_set: MakeSet, new_child: NewChild) -> None:
    """R-3: though it is in no queue any more; its state and where it waits tell."""
    made = make_set(0)
    child = new_child().sleeps_in(semop, made, (0, -1))
    child.stop()
    assert word(child, 1) == made
    assert ncnt(made) == (0,)
    assert "State:\tT" in shown(child, "status")
    assert "semtimedop" not in shown(child, "wchan")
    assert sleepers.look(child.pid) is None
    assert not child.asleep()
    child.resume()


@pytest.mark.parametrize(("version", "state"), [("v1", "D"), ("v2", "S")])
def test_a_frozen_task_still_shows_its_call(
    version: str, state: str, make_set: MakeSet, new_child: NewChild
) -> None:
    """R-3: with a state that may be that of a sleeper; where it waits tells."""
    made, child = make_set(0), new_child()
    with needs.freezer(version, child) as freezer:
        child.sleeps_in(semop, made, (0, -1))
        freezer.freeze()
        assert word(child, 1) == made
        assert ncnt(made) == (0,)
        assert f"State:\t{state}" in shown(child, "status")
        assert "semtimedop" not in shown(child, "wchan")
        assert sleepers.look(child.pid) is None


def test_who_was_served_meanwhile_has_switched_context(make_set: MakeSet, new_child: NewChild) -> None:
    """R-4: it sleeps in the very same call as before, and only the counter tells that it is another one."""
    made = make_set(0)
    child = new_child().sleeps_in(semop, made, (0, -1))
    wait = SemaphoreWait(0, ())
    before = probe.asleep(child.pid, wait, made)
    assert before is not None
    assert probe.unmoved(before)
    assert try_semop(made, (0, 1)) == DONE
    assert child.result() == DONE
    child.sleeps_in(semop, made, (0, -1))
    after = probe.asleep(child.pid, wait, made)
    assert after is not None
    assert not probe.unmoved(before)
    assert after.switches > before.switches


# --- what it does not tell ---


def test_another_users_call_is_not_shown_and_its_line_in_the_tables_is(
    make_set: MakeSet, new_child: NewChild
) -> None:
    """R-5: EACCES for the call and the memory; state and counters are for everybody."""
    made = make_set(0)
    sleeper = new_child().sleeps_in(semop, made, (0, -1))
    other = needs.as_user(new_child())
    for name in ("syscall", "mem", "ns/ipc"):
        assert other.does(_opened, f"/proc/{sleeper.pid}/{name}") == "EACCES"
    for name in (f"{sleeper.pid}/status", f"{sleeper.pid}/stat", "sysvipc/sem"):
        assert other.does(_opened, f"/proc/{name}") == DONE
    assert other.does(sleepers.look, sleeper.pid) is None


def _opened(path: str) -> str:
    if path.endswith("/ipc"):
        Path(path).readlink()
    else:
        Path(path).open("rb").close()
    return DONE


def test_the_same_id_may_be_of_another_namespace(make_set: MakeSet, new_child: NewChild) -> None:
    """R-6: the link tells; who enters that namespace has its tables and counts."""
    stranger = needs.in_namespace(new_child())
    there = stranger.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600)
    stranger.sleeps_in(semop, there, (0, -1))
    assert namespaces.ipc(stranger.pid) != namespaces.ipc()
    assert [s for s in sleepers.find(namespaces.ipc()) if s.pid == stranger.pid] == []
    visitor = new_child()
    assert visitor.does(namespaces.enter, stranger.pid) is None
    assert visitor.does(namespaces.ipc) == namespaces.ipc(stranger.pid)
    assert visitor.does(ncnt, there) == (1,)


def test_looking_changes_nothing(make_set: MakeSet, new_child: NewChild) -> None:
    """R-7: a reading leaves the sleeper where it is, with its place; that a tracer does not is S-23."""
    made = make_set(0)
    older, younger = (new_child().sleeps_in(semop, made, (0, -1)) for _ in range(2))
    for _ in range(50):
        assert sleepers.look(older.pid) is not None
    assert try_semop(made, (0, 1)) == DONE
    assert older.result() == DONE
    assert younger.asleep()


def test_nobody_tells_who_holds_a_unit(
    make_set: MakeSet, make_segment: MakeSegment, new_child: NewChild
) -> None:
    """R-8: GETPID has the last of two holders only; of a segment both show."""
    made, segment = make_set(2), make_segment(64)
    holders = [new_child() for _ in range(2)]
    for holder in holders:
        assert holder.does(semop, made, (0, -1, libc.SEM_UNDO)) == DONE
        holder.does(attach, segment)
    assert pids(made) == (holders[1].pid,)
    for holder in holders:
        (line,) = [line for line in shown(holder, "maps").splitlines() if "/SYSV" in line]
        assert line.split()[4] == str(segment)
