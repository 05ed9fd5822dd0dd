#include "judge/noise.h"

#include <math.h>

#define NOISE_RELATIVE 1e-5 /* Kayenta's: far below any effect, far above rounding */

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Uniform in (0, 1]. */
static double uniform(uint64_t *state)
{
    return (double)((next(state) >> 11) + 1) * 0x1p-53;
}

uint64_t noise_seed(const char *text, int64_t unix_ms)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)unix_ms; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

void noise_add(double *values, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i++) {
        double radius = sqrt(-2 * log(uniform(state)));
        double normal = radius * cos(2 * M_PI * uniform(state));

        values[i] += values[i] * NOISE_RELATIVE * normal;
    }
}
