"""The explorer: every interleaving of a Program, on the model. The only user of `model`.

- `verify`: from a Program to an Outcome; read this first;
- `search`, `depth`: breadth or depth first through the states; `limits`: where they stop; `graph`: what was
  explored, as arrays; `components`: what goes on for ever in it;
- `checks`: what is looked at in a state: properties, races, ends;
- `races` (with `taint`): races that no state shows, and who knows of an access;
- `accesses`: what each instruction may touch; `stubborn`, `symmetry`, `invariants`: what need not be
  explored because of it, or is proved without exploring; `conditions`: properties taken apart for that;
- `forms`: which states stand for others (`symmetry`, and `quiet`: ends that nobody sees);
- `fairness`: endless executions: starvation and livelock;
- `reduction`: which of them a verification uses; `rounds`: rounds that need not be counted;
- `path`: a way through the states as a schedule, as events, as a table; `telling`: as findings; `cases`:
  which of them are told; `conclusion`: the verdict; `known`: what is proved and what open; `linux`: whether
  Linux can do what was found for `weak`;
- `follow` (with `recorded`): whether the trace of a controlled run is a path of the model; `inclusion` (with
  `intervals`): whether that of a free run is, in some order; `departure`: where real processes left a path
  that they were to take.
"""
