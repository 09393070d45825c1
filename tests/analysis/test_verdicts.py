from __future__ import annotations

import pytest

from ipcsim.analysis import verdicts
from ipcsim.facts import errnos
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Assert, Lifecycle, ObjectCall, ObjectKind, ObjectRef
from ipcsim.verdict import Kind, Verdict

from .programs import at, crash, family, p, program, queue, receive, semaphores, semop, send, set_value

EIDRM, EAGAIN, ENOMSG, E2BIG = 43, 11, 42, 7


def one(*code, count=None):
    return program(family("consumer", *code, count=count), sets=[semaphores(1)], queues=[queue("box")])


def test_uncaught_errno():
    finding = verdicts.uncaught_errno(one(semop((0, -1), line=9, text="P: mutex"), count=2), 0, 0, EIDRM)
    assert finding.kind is Kind.ERRNO
    assert finding.verdict is Verdict.ERROR
    assert finding.message == (
        "consumer[0] got EIDRM at test.yaml:9 from `P: mutex`, and nothing handles it: "
        "the semaphore set was removed while it slept."
    )
    assert str(finding.at) == "test.yaml:9"


@pytest.mark.parametrize(
    ("instruction", "number", "said"),
    [
        (p(0, nowait=True), EAGAIN, "IPC_NOWAIT forbids"),
        (p(0, timeout=0.5), EAGAIN, "its timeout passed"),
        (send(0, timeout=0.5), EAGAIN, "its timeout passed"),
        (send(0, nowait=True), EAGAIN, "the queue is full"),
        (receive(0, nowait=True), ENOMSG, "no message of the type"),
        (receive(0), E2BIG, "stays in the queue"),
        (receive(0), EIDRM, "the queue was removed"),
        (set_value(0, 1), 34, "between 0 and 32767"),
        (
            ObjectCall(at=at(1), text="", action=Lifecycle.OPEN, object=ObjectRef(ObjectKind.QUEUE, 0)),
            2,
            "no object with this key",
        ),
        (p(0), 1234, ""),
    ],
)
def test_what_an_errno_means_for_a_call(instruction, number, said):
    finding = verdicts.uncaught_errno(one(instruction), 0, 0, number)
    _, colon, means = finding.message.partition("nothing handles it: ")
    assert said in means
    assert bool(colon) is bool(said)


def test_names():
    assert errnos.name(EAGAIN) == "EAGAIN"
    assert errnos.name(4711) == "errno 4711"


def test_assertion():
    code = Assert(at=at(4), text="assert: r.value == 1", condition=Const(0), message="the reply is mine")
    finding = verdicts.failed_assertion(one(code), 0, 0)
    assert finding.verdict is Verdict.VIOLATION
    assert finding.message == (
        "The assertion `assert: r.value == 1` of consumer at test.yaml:4 does not hold: the reply is mine."
    )


def test_evaluation_error():
    finding = verdicts.evaluation_error(one(p(0, 3)), 0, 0, "division by zero")
    assert finding.verdict is Verdict.ERROR
    assert "division by zero" in finding.message


def test_deaths():
    asked = verdicts.crash(one(crash(8)), 0, 0)
    assert asked.verdict is None
    assert "crashed by SIGKILL at test.yaml:8" in asked.message
    killed = verdicts.killed(one(p(0, 3)), 0, 0, 9, in_call=True)
    assert killed.verdict is Verdict.ERROR
    assert "was killed by SIGKILL while in `P: s0` at test.yaml:3" in killed.message
    assert "signal 60" in verdicts.killed(one(p(0)), 0, 0, 60, in_call=False).message
    assert verdicts.ended_unexpectedly(one(p(0)), 0, 0, 3).verdict is Verdict.ERROR


def test_leak():
    finding = verdicts.leak(one(p(0)), ObjectRef(ObjectKind.QUEUE, 0))
    assert finding.verdict is Verdict.LEAK
    assert finding.objects == ("box",)
    assert "message queue `box` is still there" in finding.message
