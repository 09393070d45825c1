"""The catalogue of what System V IPC does on Linux, rule by rule, on the real kernel.

- `rules`: the rules, one line each, and what of them no process can see;
- `child`: child processes that make one call at a time on command;
- `calls`: what they are told to do, and how tests look at the objects.
"""
