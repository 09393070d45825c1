/* The philosophers of philosophers.yaml, for SPIN: P left, P right, V left, V right, for ever.

   spin -DN=10 -DORDERED=1 -a philosophers.pml
   gcc -O2 -DSAFETY -o pan pan.c && ./pan

   Without ORDERED all take the left fork first: the invalid end state is their deadlock. With it each
   takes the fork with the smaller number first, and there is none. A semaphore is a bit; P waits for it
   and takes it in one step. What never changes is a macro, so that it takes no room in a state. */

#ifndef N
#define N 5
#endif

#define LEFT  _pid
#define RIGHT ((_pid + 1) % N)

#ifdef ORDERED
#define FIRST  (_pid == N - 1 -> 0 : _pid)
#define SECOND (_pid == N - 1 -> _pid : _pid + 1)
#else
#define FIRST  LEFT
#define SECOND RIGHT
#endif

#define P(f) atomic { fork[f] == 1 -> fork[f] = 0 }
#define V(f) fork[f] = 1

bit fork[N] = 1;

active [N] proctype philosopher() {
    do
    :: P(FIRST); P(SECOND); V(LEFT); V(RIGHT)
    od
}
