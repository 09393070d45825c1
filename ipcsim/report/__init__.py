"""What ipcsim found, made readable: pure functions from plain data to text or JSON.

- `text`: an outcome as a person reads it; `json`: as a script does; `html`: as a page; `forms`: for other
  programs (graphs, time lines, spreadsheets, annotations);
- `campaign`: many runs of one scenario as data and JSON; `campaign_text`: as a person reads them;
- `notebook`: what a notebook shows of both;
- `meaning`: what a Program says, for `ipcsim show`; `lists`: the catalogue, for `ipcsim list`;
- `ipcs`: the objects of a namespace, for `ipcsim ipcs`; `doctor`: what a machine allows;
- `live`: one instant of a run as a picture, for `ipcsim run --live`; `gauges`: the objects in it; `cycle`:
  the deadlock when it closes;
- `stored`: the outcome that a trace holds;
- `page` lays out lines and columns; `words` says numbers, durations and command lines.

Nothing here knows a terminal: width and colour are arguments.
"""
