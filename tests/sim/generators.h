/* tests/sim/generators.h -- data whose truth is known: two arms of minutes, drawn from a seed.
 *
 * One run of one cell draws from one `struct random`, so a run is the same whichever thread takes
 * it. The processes are those of the simulations that the targets in docs/judges.md come from. */
#ifndef TESTS_SIM_GENERATORS_H
#define TESTS_SIM_GENERATORS_H

#include "base/arena.h"
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
    double spare; /* the second normal of a pair; NaN: none */
};

/* A stream of its own for each run of each cell. */
struct random random_start(uint64_t cell_seed, uint64_t run);
double random_uniform(struct random *random); /* in (0, 1) */
double random_normal(struct random *random);
double random_poisson(struct random *random, double mean);

enum process {
    PROCESS_AR,        /* Gaussian AR(1), unit variance, stationary from the first point */
    PROCESS_AR_NOISE,  /* sqrt(0.6) AR(1) + sqrt(0.4) white noise: longer memory than it shows */
    PROCESS_LOGNORMAL, /* exp(0.8 z) of an AR(1) z, centred, unit variance */
    PROCESS_SEASONAL,  /* AR(1) + 2.1 sin, the sine shared by both arms; period 1.6 n */
    PROCESS_COUNTS,    /* errors per minute, Poisson given the rate of that minute */
};

#define MAX_BUCKETS 11u

struct data {
    enum process process;
    size_t n; /* minutes */
    double phi;
    double shift;  /* of the canary, in standard deviations */
    double spread; /* its standard deviation over the baseline's; 0: the same */
    /* PROCESS_COUNTS */
    double errors_per_min; /* both arms together, before the change */
    double share;          /* of the traffic that the canary takes */
    double factor;         /* canary's error rate over the baseline's */
    double wave;           /* the rate of both goes from 1/wave to wave times; 0: it stays */
    double burst_sd;       /* of the logarithm of each arm's own rate, an AR(1) with phi; 0: none */
};

#define REQUESTS_PER_MIN 4000.0 /* of both arms: what errors are counted among */

/* Minutes in order. exposure_* only with PROCESS_COUNTS. */
struct arm_pair {
    double *x, *y; /* canary, baseline */
    double *exposure_x, *exposure_y;
};

void generate(const struct data *data, struct random *random, struct arena *arena,
              struct arm_pair *out);

/* n values of an AR(1) with unit variance. */
void generate_ar(double phi, size_t n, struct random *random, double *out);

/* One minute's requests of one arm in MAX_BUCKETS buckets of log-normal response times that take
 * `slowdown` times as long; `requests` of them. */
void generate_histogram(size_t requests, double slowdown, struct random *random,
                        double counts[MAX_BUCKETS]);

#endif
