"""The shape of a scenario document: which keys there are and what stands in them.

Names and expressions keep their places in the text; what they mean is decided later. A step is not looked at
here, because its key says which it is (`step_table`).
"""

from __future__ import annotations

from ipcsim.language.leaves import (
    CONSTANT,
    CONSTANTS,
    DISCIPLINE,
    FAIRNESS,
    FIELD_TYPE,
    FLAG,
    INT,
    MODE,
    NATURAL,
    OBJECT_KEY,
    OFF_OR_POSITIVE,
    PARAMETER_TYPE,
    RUN_TIME,
    SCHEDULER,
    SEEDS,
    SIZE,
    TEXT,
    VERDICT,
    WORD,
    flag,
)
from ipcsim.language.nodes import Map
from ipcsim.language.spec import Listed, Named, Shape, Shaped, Steps, may, must

STEPS = Steps("a list of steps (each on a line of its own that starts with `- `)")


class Parameter(Shape):
    """A parameter of the problem; `with:` and `--set name=value` change it."""

    type = must(PARAMETER_TYPE, "int, choice, bool or text")
    default = must(WORD, "the value where nothing else is said")
    min = may(INT, "the least value of an int")
    max = may(INT, "the greatest value of an int")
    choices = may(Listed(WORD), "the words that a choice may be")
    description = may(TEXT, "one line for `ipcsim show`")


class FtokKey(Shape):
    """ftok(path, id)."""

    path = must(WORD, "a file that exists when the object is created")
    id = must(NATURAL, "the project number, 1 to 255")


class ObjectShape(Shape):
    """What every IPC object can say of itself."""

    key = may(OBJECT_KEY | Shaped(FtokKey), "how it is found: private, a number, {path, id} (ftok)")
    mode = may(MODE, "permissions in octal; 0600 unless told")
    persist = flag("true: it outlives the run, and is no leak then")


class MemberShape(Shape):
    """A semaphore, or an array of `count`."""

    count = may(CONSTANT, "how many: an array name[0] … name[count-1]")
    value = may(CONSTANTS, "the initial value, or a list of them; 0 unless told")


class SetShape(ObjectShape):
    """A semaphore set (semget): its semaphores by name, each a MemberShape or just its initial value."""

    rest = Shaped(MemberShape, short="value")

    @property
    def members(self) -> Map[MemberShape]:
        return self.others


class QueueShape(ObjectShape):
    """A message queue (msgget)."""

    message = may(Named(FIELD_TYPE), "the fields of a message, a C struct")
    bytes = may(CONSTANT, "msg_qbytes: how many bytes the queue holds")


class FieldShape(Shape):
    """A field of a segment."""

    type = must(FIELD_TYPE, "int, long, short, char, uint; int[8]; char[30] for a text")
    value = may(CONSTANTS, "the initial value; 0 unless told")
    atomic = flag("true: accesses synchronise by themselves, are no races")


class SegmentShape(ObjectShape):
    """A shared memory segment (shmget): a C struct; each field a FieldShape or just its type."""

    rest = Shaped(FieldShape, short="type")

    @property
    def fields(self) -> Map[FieldShape]:
        return self.others


class IdentityShape(Shape):
    """Whose rights a process has."""

    uid = must(CONSTANT, "the user's number, 0 to 4294967294")
    gid = may(CONSTANT, "the group's number; that of the user unless told")


class ProcessShape(Shape):
    """A family of processes that run the same steps."""

    count = may(CONSTANT, "how many: name[0] … name[count-1]; `me` is the index")
    locals = may(Named(CONSTANTS), "variables of each process: first values")
    spawned = flag("true: a `spawn:` of another process starts it, not the run")
    as_ = may(Shaped(IdentityShape), "its user and group; those of the user who runs it unless told", "as")
    steps = must(STEPS, "what each process does")


class ProcedureShape(Shape):
    """A named list of steps for `call:`."""

    arguments = may(Listed(WORD), "the names of its arguments")
    locals = may(Named(CONSTANTS), "variables of each call: first values")
    steps = must(STEPS, "what it does")


class PropertyShape(Shape):
    """Something that must hold: exactly one of these keys."""

    never = may(CONSTANT, "must not be true at any instant")
    always = may(CONSTANT, "must be true at every instant")
    at_end = may(CONSTANT, "must be true once every process has ended")
    always_eventually = may(WORD, "a phase that no process stays out of for ever")


class RunShape(Shape):
    """How to run it."""

    seed = may(NATURAL, "of everything random")
    timeout = may(RUN_TIME, "the run ends as inconclusive after it; 20s unless told")
    duration = may(RUN_TIME, "the run ends on purpose after it")
    scheduler = may(SCHEDULER, "free (the kernel decides), random, pct")
    depth = may(NATURAL, "priority changes of the pct scheduler; 3 unless told")
    starvation = may(
        OFF_OR_POSITIVE,
        "starving: one sleeps while one and the same other is served so often; off: not judged",
    )
    livelock = may(OFF_OR_POSITIVE, "livelock: so many steps without a progress phase; off: not judged")
    trace_limit = may(SIZE, "how large the trace may get; the run goes on without; 1GB unless told")


class VerifyShape(Shape):
    """How to verify it."""

    semaphores = may(
        DISCIPLINE, "who is next among those who wait: weak (anyone: POSIX) or kernel (Linux's order)"
    )
    fairness = may(FAIRNESS, "which endless executions count: none, weak, strong; strong unless told")
    crashes = may(NATURAL, "how many processes may die anywhere; 0 unless told")


class TestShape(Shape):
    """How it is a test of pytest."""

    __test__ = False  # it is none itself, whatever pytest thinks of its name
    seeds = may(SEEDS | Listed(NATURAL), "how many seeds, one test each; or a list of them; one unless told")
    verify = flag("true: a test of `ipcsim verify` as well")


class VerdictShape(Shape):
    """The verdicts expected of a run and of a verification, where they differ."""

    run = may(VERDICT, "what `ipcsim run` should say; ok unless told")
    verify = may(VERDICT, "what `ipcsim verify` should say; ok unless told")


class VariantShape(Shape):
    """A variant of the problem and the verdict to expect of it."""

    with_ = may(Named(WORD), "the arguments that make the variant", "with")
    verdict = must(VERDICT | Shaped(VerdictShape), "one verdict, or {run: …, verify: …}")
    run = may(Shaped(RunShape), "run settings of this variant")
    verify = may(Shaped(VerifyShape), "verify settings of this variant")


class DocumentShape(Shape):
    """A scenario (one experiment), or a problem (a scenario with parameters)."""

    problem = may(WORD, "the name of this problem; or, without processes here, of the problem to take")
    scenario = may(WORD, "the name of this scenario; the file's name unless told")
    title = may(TEXT, "one line for `ipcsim list`")
    titre = may(TEXT, "the title in French")
    source = may(TEXT, "who described it first")
    course = may(TEXT, "the chapter of the course that it belongs to")
    description = may(TEXT, "what it shows, for `ipcsim show`")
    parameters = may(Named(Shaped(Parameter)), "what can be changed, with defaults")
    with_ = may(Named(WORD), "the arguments of this scenario", "with")
    constants = may(Named(CONSTANTS), "names for values, used everywhere")
    semaphores = may(Named(Shaped(SetShape)), "semaphore sets by name")
    queues = may(Named(Shaped(QueueShape, may_be_empty=True)), "message queues by name")
    segments = may(Named(Shaped(SegmentShape)), "shared memory segments by name")
    processes = may(Named(Shaped(ProcessShape)), "families of processes by name")
    procedures = may(Named(Shaped(ProcedureShape)), "lists of steps for `call:`")
    properties = may(Named(Shaped(PropertyShape)), "what must hold, each with a name")
    run = may(Shaped(RunShape), "how to run it")
    verify = may(Shaped(VerifyShape), "how to verify it")
    expect = may(
        VERDICT | Shaped(VerdictShape) | Listed(Shaped(VariantShape)),
        "the verdict to expect; in a problem, a list with one entry a variant",
    )
    test = may(
        FLAG | Shaped(TestShape), "whether pytest takes it for a test: true, or {seeds: 5, verify: true}"
    )

    @property
    def defines(self) -> bool:
        """Whether the processes are here (else they are in the problem that it names)."""
        return any(key in self.given for key in DEFINING)


DEFINING = (
    "parameters",
    "constants",
    "semaphores",
    "queues",
    "segments",
    "processes",
    "procedures",
    "properties",
)
