"""The explorer: every interleaving of a Program, on the model. The only user of `model`.

- `verify`: from a Program to an Outcome; read this first;
- `search`, `depth`: breadth or depth first through the states; `graph`: what was explored, as arrays;
- `checks`: what is looked at in a state: properties, races, ends;
- `races` (with `taint`): races that no state shows, and who knows of an access;
- `accesses`: what each instruction may touch; `stubborn`, `symmetry`, `invariants`: what need not be
  explored because of it, or is proved without exploring;
- `fairness`: endless executions: starvation and livelock;
- `reduction`: which of them a verification uses; `rounds`: rounds that need not be counted;
- `path`: a way through the states as a schedule, as events, as a table; `telling`: as findings; `cases`:
  which of them are told;
- `follow` (with `recorded`): whether the trace of a controlled run is a path of the model; `departure`: where
  real processes left a path that they were to take.
"""
