"""The model: System V IPC as a pure graph of states, exact enough to be compared with the kernel.

Read `machine` first (`init`, `actions`, `next`), then the rules:
- `calls`: the table of rules, one an instruction (`semaphore_calls`, `queue_calls`, `other_calls`; `turn` is
  what they begin with); `processes`: how a process goes on, sleeps, wakes and ends;
- `semaphores`, `queues`: the kernel's rules over plain values; `living`: objects that come and go;
- `features`: what a machine has that some reductions cannot be used with;
- `locals`: what one process is between two steps; `effects`: an outcome; `layout`: a state as an integer.
"""
