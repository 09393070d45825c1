"""What System V IPC does, written once.

- `effects`: the vocabulary. An effect is what a call, an access or a start does to the world, free of
  who asked and of how the call is spelt: Take, Give, AwaitZero, Send, Receive, Load, Store, …
- `semaphores`, `queues`, `segments`, `objects`, `processes`: one file a family, with what its
  instructions do, as far as it is known before they are done.
- `static`: the same for any instruction.

Judges (deadlock, races, starvation, …) and reductions ask for effects. None of them asks which
instruction it was; a new call has its rules here, or mypy finds what is missing.
"""
