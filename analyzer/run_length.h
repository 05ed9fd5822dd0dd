/* analyzer/run_length.h -- how long a canary must run to see a given change of a metric, from its
 * history without changes. Pure.
 *
 * The history is cut into windows that lie side by side. In each, the long-run variance omega of
 * the differences of the two arms (of both arms, where minutes do not match) says how much their
 * mean wanders (judge/stats/long_run.h); the median over the windows, corrected for the skew of
 * its distribution, is what the next canary has to live with. n points then see the change
 * (t[1 - alpha/2] + t[0.8]) sqrt(omega / n) in four cases of five (judge/stats/power.h).
 *
 * Counts with an exposure need events rather than minutes: the log of the ratio of two Poisson
 * rates has the variance 1/E_x + 1/E_y, times what the counts scatter more than that
 * (judge/stats/dispersion.h). */
#ifndef ANALYZER_RUN_LENGTH_H
#define ANALYZER_RUN_LENGTH_H

#include "analyzer/backtest.h"

struct run_length_question {
    const struct aa_pair *pair;
    const struct aa_pair *exposure; /* of counts; NULL: none */
    const struct metric_policy *policy;
    double change; /* 0.1 for 10 % */
    int64_t span_ms, window_ms;
};

struct run_length {
    bool is_of_counts, is_fall; /* a fall is what does harm */
    size_t n_windows;           /* with enough points; 0: everything below is NaN */
    double level;    /* of the control: mean of a point; of counts: events per exposure */
    double phi;      /* memory; NaN for counts */
    double per_hour; /* effective points, or events of both arms */
    double omega;    /* of one pair of points, unit^2; counts: of the log ratio, an hour's */
    double step_s, n_at_least; /* points below which no judge says anything */
    double margin;             /* what the limits of the policy allow, as a share of the level */
    double alpha;
    double needed_s; /* NaN: never, or no windows */
    const char *why; /* never; NULL otherwise. No full stop */
};

void run_length_estimate(const struct run_length_question *question, struct arena *scratch,
                         struct run_length *out);

/* The change, as a share of the level, that a canary of so many seconds sees with power 0.8; NaN
 * where there is none. */
double run_length_sees(const struct run_length *length, double seconds);

/* The judge whose options tell what a metric is: the config's own, or where that reads none of them
 * the recommended one. */
const struct judge_type *run_length_judge(const struct judge_type *of_config);

/* "45 min", "2 h 10 min", "3 d 4 h": rounded up to what a person would set. */
const char *run_length_text(double seconds, struct arena *arena);

#endif
