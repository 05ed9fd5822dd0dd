/* judge/sequential.h -- what the procedures of Sequential-v1.0 share: minutes in, one look after
 * the other out. Pure.
 *
 * Every number of a look depends on the minutes up to it and on nothing that comes later, so that a
 * run judged again and again while it grows repeats its earlier looks. */
#ifndef JUDGE_SEQUENTIAL_H
#define JUDGE_SEQUENTIAL_H

#include "judge/judge.h"

/* The minutes that count, oldest first: those with a value (and traffic) on both sides. */
struct minutes {
    const double *x, *y;                   /* experiment, control */
    const double *exposure_x, *exposure_y; /* with counts; all 1 when nothing is known of traffic */
    const size_t *index;                   /* points since the experiment's start */
    size_t n;
};

/* Evidence after `n` minutes, as logarithms of E. */
struct evidence {
    size_t n;
    double high, low; /* against "not above the upper limit", "not below the lower limit" */
    double estimate, lower, upper; /* confidence sequence, on the scale of the limits */
};

/* What a procedure makes of the minutes. */
struct trace {
    const char *method, *measure;
    enum exactness exactness;
    enum effect_unit unit;
    double neutral; /* "no change" on the scale of the limits */
    struct evidence *looks;
    size_t n_looks;
    size_t first_look;      /* minutes of the first one, whether there are as many or not */
    double t, df, n_eff;    /* of the last look, where there is a t statistic; else NaN */
    enum decision decision; /* undecided, or NO_DATA or ERROR with a reason */
    const char *reason;
};

/* The limits that evidence is gathered against, on the scale of the policy's effect measure. */
struct limits {
    double increase, decrease;
};

struct sequential {
    const struct test_input *input;
    struct minutes minutes;
    struct limits limits;
    struct arena *arena, *scratch; /* looks and texts; what is gone after the test */
};

/* From the first look on there is one at every minute for half a day, and then fewer and fewer, so
 * that a week costs little more than a day. When they are depends on nothing but `first`. */
size_t sequential_next_look(size_t n);

/* Room for the looks from `first` on, with their n; everything else NaN or 0. */
void sequential_looks(const struct sequential *run, size_t first, struct trace *out);

/* Two-sided evidence speaks against one direction only: that of `sign` (-1, 0 or 1). Against the
 * other it is at most none. */
double sequential_evidence_for(double log_e, double sign);

/* The same limits as "no change at all". */
bool sequential_is_neutral(const struct sequential *run);

/* Nothing was or can be tested, and why. */
void sequential_refuse(struct trace *out, enum decision decision, const char *reason);

/* The procedures. Each fills `out`, which has its `neutral`, NaN for numbers and 0 otherwise. */
void sequential_t_ranks(const struct sequential *run, struct trace *out);
void sequential_t_means(const struct sequential *run, struct trace *out);
void sequential_t_log_rates(const struct sequential *run, struct trace *out);
void sequential_poisson(const struct sequential *run, struct trace *out); /* also tempered */
void sequential_bernoulli(const struct sequential *run, struct trace *out);
void sequential_bets(const struct sequential *run, struct trace *out);
void sequential_histogram(const struct sequential *run, struct trace *out);

#endif
