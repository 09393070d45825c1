"""What ipcsim found, made readable: pure functions from plain data to text or JSON.

- `text`: an outcome as a person reads it; `json`: as a script does;
- `meaning`: what a Program says, for `ipcsim show`; `lists`: the catalogue, for `ipcsim list`;
- `ipcs`: the objects of a namespace, for `ipcsim ipcs`; `doctor`: what a machine allows;
- `live`: one instant of a run as a table, for `ipcsim run --live`;
- `stored`: the outcome that a trace holds;
- `page` lays out lines and columns; `words` says numbers, durations and command lines.

Nothing here knows a terminal: width and colour are arguments.
"""
