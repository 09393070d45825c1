"""The explorer: every interleaving of a Program, on the model. The only user of `model`.

- `verify`: from a Program to an Outcome; read this first;
- `search`: breadth or depth first through the states; `graph`: what it found, as arrays;
- `checks`: what is looked at in a state: properties, races, ends;
- `accesses`: what each instruction may touch; `stubborn`, `symmetry`, `invariants`: what need not be
  explored because of it, or is proved without exploring;
- `fairness`: endless executions: starvation and livelock;
- `path`: a way through the states as a schedule, as events, as a table; `telling`: as findings;
- `follow`: whether the trace of a controlled run is a path of the model.
"""
