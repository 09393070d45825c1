"""The shape of a scenario document, as pydantic models: which keys there are and what stands in them.

The models hold the nodes of the text (with their positions); what the words mean is decided later.
Steps are checked against their own table (`step_table`), because a step is known by its key.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ipcsim.language.leaves import (
    BY_KIND,
    BY_MAPPING,
    LIST,
    MAPPING,
    TYPE_JSON,
    VALUE_JSON,
    WORD,
    Bool,
    DisciplineWord,
    Expression,
    FairnessWord,
    FieldType,
    Int,
    KeyWord,
    Mode,
    Natural,
    OffOrPositive,
    ParameterType,
    Positive,
    RunTime,
    SchedulerWord,
    Shorthand,
    Size,
    Steps,
    Text,
    Value,
    VerdictWord,
    Word,
    shorthand,
)
from ipcsim.language.nodes import Scalar, Seq


class Shape(BaseModel):
    """Base: a key that is not a field is an error."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class Parameter(Shape):
    """A parameter of the problem; `with:` and `--set name=value` change it."""

    type: ParameterType = Field(description="int, choice, bool or text")
    default: Word = Field(description="the value where nothing else is said")
    min: Int | None = Field(None, description="the least value of an int")
    max: Int | None = Field(None, description="the greatest value of an int")
    choices: list[Word] | None = Field(None, description="the words that a choice may be")
    description: Text | None = Field(None, description="one line for `ipcsim show`")


class FtokKey(Shape):
    """ftok(path, id)."""

    path: Word = Field(description="a file that exists when the object is created")
    id: Natural = Field(description="the project number, 1 to 255")


Key = Annotated[Annotated[FtokKey, MAPPING] | Annotated[KeyWord, WORD], BY_MAPPING]


class ObjectShape(BaseModel):
    """What every IPC object can say of itself."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    key: Key | None = Field(None, description="how it is found: private, a number, {path, id} (ftok)")
    mode: Mode | None = Field(None, description="permissions in octal; 0600 unless told")
    persist: Bool | None = Field(None, description="true: it outlives the run, and is no leak then")


class MemberShape(Shape):
    """A semaphore, or an array of `count`."""

    count: Expression | None = Field(None, description="how many: an array name[0] … name[count-1]")
    value: Value | None = Field(None, description="the initial value, or a list of them; 0 unless told")


class SetShape(ObjectShape):
    """A semaphore set (semget): its semaphores by name, each a MemberShape or just its initial value."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)
    __pydantic_extra__: dict[str, Annotated[MemberShape, shorthand("value", VALUE_JSON, Scalar, Seq)]]


def _or_empty(value: Any) -> Any:
    return {} if isinstance(value, Scalar) and value.is_null else value


class QueueShape(ObjectShape):
    """A message queue (msgget)."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    message: dict[str, FieldType] | None = Field(None, description="the fields of a message, a C struct")
    bytes: Expression | None = Field(None, description="msg_qbytes: how many bytes the queue holds")


class FieldShape(Shape):
    """A field of a segment."""

    type: FieldType = Field(description="int, long, short, char, uint; int[8]; char[30] for a text")
    value: Value | None = Field(None, description="the initial value; 0 unless told")
    atomic: Bool | None = Field(None, description="true: accesses synchronise by themselves, are no races")


class SegmentShape(ObjectShape):
    """A shared memory segment (shmget): a C struct; each field a FieldShape or just its type."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)
    __pydantic_extra__: dict[str, Annotated[FieldShape, shorthand("type", TYPE_JSON, Scalar)]]


class IdentityShape(Shape):
    """Whose rights a process has."""

    uid: Expression = Field(description="the user's number, 0 to 4294967294")
    gid: Expression | None = Field(None, description="the group's number; that of the user unless told")


class ProcessShape(Shape):
    """A family of processes that run the same steps."""

    count: Expression | None = Field(None, description="how many: name[0] … name[count-1]; `me` is the index")
    locals: dict[str, Value] | None = Field(None, description="variables of each process: first values")
    spawned: Bool | None = Field(
        None, description="true: a `spawn:` of another process starts it, not the run"
    )
    as_: IdentityShape | None = Field(
        None, alias="as", description="its user and group; those of the user who runs it unless told"
    )
    steps: Steps = Field(description="what each process does")


class ProcedureShape(Shape):
    """A named list of steps for `call:`."""

    arguments: list[Word] | None = Field(None, description="the names of its arguments")
    locals: dict[str, Value] | None = Field(None, description="variables of each call: first values")
    steps: Steps = Field(description="what it does")


class PropertyShape(Shape):
    """Something that must hold: exactly one of these keys."""

    never: Expression | None = Field(None, description="must not be true at any instant")
    always: Expression | None = Field(None, description="must be true at every instant")
    at_end: Expression | None = Field(None, description="must be true once every process has ended")
    always_eventually: Word | None = Field(None, description="a phase that no process stays out of for ever")


class RunShape(Shape):
    """How to run it."""

    seed: Natural | None = Field(None, description="of everything random")
    timeout: RunTime | None = Field(
        None, description="the run ends as inconclusive after it; 20s unless told"
    )
    duration: RunTime | None = Field(None, description="the run ends on purpose after it")
    scheduler: SchedulerWord | None = Field(None, description="free (the kernel decides), random, pct")
    depth: Natural | None = Field(None, description="priority changes of the pct scheduler; 3 unless told")
    starvation: OffOrPositive | None = Field(
        None,
        description="starving: one sleeps while one and the same other is served so often; off: not judged",
    )
    livelock: OffOrPositive | None = Field(
        None, description="livelock: so many steps without a progress phase; off: not judged"
    )
    trace_limit: Size | None = Field(
        None, description="how large the trace may get; the run goes on without; 1GB unless told"
    )


class VerifyShape(Shape):
    """How to verify it."""

    semaphores: DisciplineWord | None = Field(
        None, description="who is next among those who wait: weak (anyone: POSIX) or kernel (Linux's order)"
    )
    fairness: FairnessWord | None = Field(
        None, description="which endless executions count: none, weak, strong; strong unless told"
    )
    crashes: Natural | None = Field(None, description="how many processes may die anywhere; 0 unless told")


class TestShape(Shape):
    """How it is a test of pytest."""

    __test__ = False  # it is none itself, whatever pytest thinks of its name
    seeds: Annotated[Annotated[list[Natural], LIST] | Annotated[Positive, WORD], BY_KIND] | None = Field(
        None, description="how many seeds, one test each; or a list of them; one unless told"
    )
    verify: Bool | None = Field(None, description="true: a test of `ipcsim verify` as well")


class VerdictShape(Shape):
    """The verdicts expected of a run and of a verification, where they differ."""

    run: VerdictWord | None = Field(None, description="what `ipcsim run` should say; ok unless told")
    verify: VerdictWord | None = Field(None, description="what `ipcsim verify` should say; ok unless told")


Expected = Annotated[Annotated[VerdictShape, MAPPING] | Annotated[VerdictWord, WORD], BY_MAPPING]


class VariantShape(Shape):
    """A variant of the problem and the verdict to expect of it."""

    model_config = ConfigDict(populate_by_name=False)
    with_: dict[str, Word] | None = Field(
        None, alias="with", description="the arguments that make the variant"
    )
    verdict: Expected = Field(description="one verdict, or {run: …, verify: …}")
    run: RunShape | None = Field(None, description="run settings of this variant")
    verify: VerifyShape | None = Field(None, description="verify settings of this variant")


Test = Annotated[Annotated[TestShape, MAPPING] | Annotated[Bool, WORD], BY_MAPPING]
Expect = Annotated[
    Annotated[VerdictShape, MAPPING] | Annotated[list[VariantShape], LIST] | Annotated[VerdictWord, WORD],
    BY_KIND,
]
Queue = Annotated[QueueShape, Shorthand(_or_empty, {"type": "null"})]


class DocumentShape(Shape):
    """A scenario (one experiment), or a problem (a scenario with parameters)."""

    problem: Word | None = Field(
        None, description="the name of this problem; or, without processes here, of the problem to take"
    )
    scenario: Word | None = Field(None, description="the name of this scenario; the file's name unless told")
    title: Text | None = Field(None, description="one line for `ipcsim list`")
    titre: Text | None = Field(None, description="the title in French")
    source: Text | None = Field(None, description="who described it first")
    course: Text | None = Field(None, description="the chapter of the course that it belongs to")
    description: Text | None = Field(None, description="what it shows, for `ipcsim show`")
    parameters: dict[str, Parameter] | None = Field(None, description="what can be changed, with defaults")
    with_: dict[str, Word] | None = Field(None, alias="with", description="the arguments of this scenario")
    constants: dict[str, Value] | None = Field(None, description="names for values, used everywhere")
    semaphores: dict[str, SetShape] | None = Field(None, description="semaphore sets by name")
    queues: dict[str, Queue] | None = Field(None, description="message queues by name")
    segments: dict[str, SegmentShape] | None = Field(None, description="shared memory segments by name")
    processes: dict[str, ProcessShape] | None = Field(None, description="families of processes by name")
    procedures: dict[str, ProcedureShape] | None = Field(None, description="lists of steps for `call:`")
    properties: dict[str, PropertyShape] | None = Field(None, description="what must hold, each with a name")
    run: RunShape | None = Field(None, description="how to run it")
    verify: VerifyShape | None = Field(None, description="how to verify it")
    expect: Expect | None = Field(
        None, description="the verdict to expect; in a problem, a list with one entry a variant"
    )
    test: Test | None = Field(
        None, description="whether pytest takes it for a test: true, or {seeds: 5, verify: true}"
    )

    @property
    def defines(self) -> bool:
        """Whether the processes are here (else they are in the problem that it names)."""
        return any(getattr(self, key) is not None for key in DEFINING)


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
