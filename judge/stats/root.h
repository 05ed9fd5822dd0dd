/* judge/stats/root.h -- where a rising function is zero. Pure.
 *
 * Newton's method inside a bracket that only shrinks; where a step would leave the bracket, or
 * there have been many, it is halved instead. So it always ends, also when the function is flat or
 * carries rounding noise. */
#ifndef JUDGE_STATS_ROOT_H
#define JUDGE_STATS_ROOT_H

/* The value at `at`, and its derivative in *slope. */
typedef double (*root_function)(double at, double *slope, const void *ctx);

/* Between low and high, where the function is <= 0 and >= 0; to about 1e-15 of max(1, |root|). */
double root_find(root_function function, const void *ctx, double low, double high, double start);

#endif
