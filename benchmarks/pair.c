/* The yardstick: N uncontended P/V pairs on one semaphore; prints ns a pair. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/sem.h>
#include <time.h>

int main(int argc, char **argv) {
    long n = argc > 1 ? atol(argv[1]) : 1000000;
    int id = semget(IPC_PRIVATE, 1, 0600 | IPC_CREAT);
    struct sembuf p = {0, -1, 0}, v = {0, 1, 0};
    struct timespec a, b;
    if (id < 0 || semop(id, &v, 1) < 0) return 1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (long i = 0; i < n; i++) {
        semop(id, &p, 1);
        semop(id, &v, 1);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.1f\n", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / n);
    return semctl(id, 0, IPC_RMID) < 0;
}
