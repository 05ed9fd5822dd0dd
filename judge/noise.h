/* judge/noise.h -- the jitter that keeps two constant samples apart in a rank test. */
#ifndef JUDGE_NOISE_H
#define JUDGE_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* A seed that depends on the text and the time only, so that the same request always gets the same
 * verdict. */
uint64_t noise_seed(const char *text, int64_t unix_ms);

/* Add v * 1e-5 * (standard normal) to every value v: 0.0 stays as it is. *state is a seed, and goes
 * on from there. Source: SplitMix64, Steele, Lea and Flood 2014; Box and Muller 1958. */
void noise_add(double *values, size_t n, uint64_t *state);

#endif
