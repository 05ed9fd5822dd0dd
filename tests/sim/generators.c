#include "tests/sim/generators.h"

#include "judge/stats/random.h"

#include <math.h>

#define LEVEL 100.0 /* a latency of 100 ms, */
#define SPREAD 10.0 /* give or take 10 */

#define AR_SHARE 0.6 /* of the variance, in PROCESS_AR_NOISE */
#define LOG_SIGMA 0.8
#define SEASON_AMPLITUDE 2.1 /* in standard deviations of the noise */
#define SEASON_PERIOD 1.6    /* times n */

#define POISSON_CHUNK 30.0 /* exp(-30) is still a double with all its digits */

#define RESPONSE_SIGMA 0.5 /* of the logarithm of a response time */

struct random random_start(uint64_t cell_seed, uint64_t run)
{
    /* Mixed twice: neighbouring states of this generator are neighbouring pieces of one stream. */
    uint64_t state = cell_seed;

    state = random_next(&state) + run;
    state = random_next(&state);
    return (struct random){.state = state, .spare = NAN};
}

double random_uniform(struct random *random)
{
    return ((double)(random_next(&random->state) >> 11) + 0.5) * 0x1p-53;
}

/* Marsaglia's polar method: two at a time. */
double random_normal(struct random *random)
{
    double u, v, square, factor;

    if (!isnan(random->spare)) {
        u = random->spare;
        random->spare = NAN;
        return u;
    }
    do {
        u = 2 * random_uniform(random) - 1;
        v = 2 * random_uniform(random) - 1;
        square = u * u + v * v;
    } while (square >= 1 || square == 0);
    factor = sqrt(-2 * log(square) / square);
    random->spare = v * factor;
    return u * factor;
}

/* By inversion, in chunks that add up: a sum of Poisson numbers is one. */
double random_poisson(struct random *random, double mean)
{
    double count = 0;

    while (mean > 0) {
        double chunk = fmin(mean, POISSON_CHUNK), p = exp(-chunk), u = random_uniform(random);

        for (double k = 1; u > p && p > 0; k++, count++) {
            u -= p;
            p *= chunk / k;
        }
        mean -= chunk;
    }
    return count;
}

void generate_ar(double phi, size_t n, struct random *random, double *out)
{
    double innovation = sqrt(1 - phi * phi);

    for (size_t t = 0; t < n; t++)
        out[t] =
            t == 0 ? random_normal(random) : phi * out[t - 1] + innovation * random_normal(random);
}

/* Standardised noise of one arm. */
static void generate_noise(const struct data *data, struct random *random, double *out)
{
    /* mean and deviation of exp(sigma z) */
    double mean = exp(LOG_SIGMA * LOG_SIGMA / 2);
    double deviation = mean * sqrt(expm1(LOG_SIGMA * LOG_SIGMA));

    generate_ar(data->phi, data->n, random, out);
    for (size_t t = 0; t < data->n; t++) {
        if (data->process == PROCESS_AR_NOISE)
            out[t] = sqrt(AR_SHARE) * out[t] + sqrt(1 - AR_SHARE) * random_normal(random);
        else if (data->process == PROCESS_LOGNORMAL)
            out[t] = (exp(LOG_SIGMA * out[t]) - mean) / deviation;
        else if (data->process == PROCESS_SEASONAL)
            out[t] +=
                SEASON_AMPLITUDE * sin(2 * M_PI * (double)t / (SEASON_PERIOD * (double)data->n));
    }
}

/* How an arm's own rate differs from the common one in each minute; 1 on average. */
static void generate_bursts(const struct data *data, struct random *random, double *out)
{
    generate_ar(data->phi, data->n, random, out);
    for (size_t t = 0; t < data->n; t++)
        out[t] = exp(data->burst_sd * out[t] - data->burst_sd * data->burst_sd / 2);
}

static void generate_counts(const struct data *data, struct random *random, struct arena *arena,
                            struct arm_pair *out)
{
    double *bursts_x = arena_array(arena, double, data->n);
    double *bursts_y = arena_array(arena, double, data->n);

    out->exposure_x = arena_array(arena, double, data->n);
    out->exposure_y = arena_array(arena, double, data->n);
    generate_bursts(data, random, bursts_x);
    generate_bursts(data, random, bursts_y);
    for (size_t t = 0; t < data->n; t++) {
        double angle = 2 * M_PI * (double)t / (double)data->n;
        double season = data->wave > 0 ? pow(data->wave, sin(angle)) : 1;
        double common = data->errors_per_min * season;

        out->exposure_x[t] = REQUESTS_PER_MIN * data->share;
        out->exposure_y[t] = REQUESTS_PER_MIN * (1 - data->share);
        out->x[t] = random_poisson(random, common * data->share * data->factor * bursts_x[t]);
        out->y[t] = random_poisson(random, common * (1 - data->share) * bursts_y[t]);
    }
}

void generate(const struct data *data, struct random *random, struct arena *arena,
              struct arm_pair *out)
{
    double spread = data->spread > 0 ? data->spread : 1;

    *out = (struct arm_pair){.x = arena_array(arena, double, data->n),
                             .y = arena_array(arena, double, data->n)};
    if (data->process == PROCESS_COUNTS) {
        generate_counts(data, random, arena, out);
        return;
    }
    generate_noise(data, random, out->x);
    generate_noise(data, random, out->y);
    for (size_t t = 0; t < data->n; t++) {
        out->x[t] = LEVEL + SPREAD * (spread * out->x[t] + data->shift);
        out->y[t] = LEVEL + SPREAD * out->y[t];
    }
}

void generate_histogram(size_t requests, double slowdown, struct random *random,
                        double counts[MAX_BUCKETS])
{
    double delay = log(slowdown);

    for (size_t b = 0; b < MAX_BUCKETS; b++)
        counts[b] = 0;
    for (size_t r = 0; r < requests; r++) {
        /* Upper bounds every 0.4 deviations from -1.8 to 1.8, the last bucket without one. */
        double steps = ceil((random_normal(random) + delay / RESPONSE_SIGMA + 1.8) / 0.4);

        counts[(size_t)fmin(fmax(steps, 0), MAX_BUCKETS - 1)]++;
    }
}
