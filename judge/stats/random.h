/* judge/stats/random.h -- random numbers from a seed, for permutations and resampling. The state is
 * the caller's. Source: SplitMix64, Steele, Lea and Flood, OOPSLA 2014. */
#ifndef JUDGE_STATS_RANDOM_H
#define JUDGE_STATS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Uniform in [0, n), n >= 1. The high half of a product; the bias is below n / 2^64. */
static inline size_t random_below(uint64_t *state, size_t n)
{
    return (size_t)((unsigned __int128)random_next(state) * n >> 64);
}

#endif
