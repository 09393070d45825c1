"""The command line: arguments in, exit codes out, nothing else.

- `main`: the group of all commands, and what becomes of errors;
- `options`: what several commands take; `output`: how they answer; `display`: a run on the terminal;
- one module a command, or a few that belong together.

Modules here import nothing but click, `errors` and each other when they are loaded: `ipcsim --help`
and shell completion answer at once. What a command needs it imports when it runs.
"""
