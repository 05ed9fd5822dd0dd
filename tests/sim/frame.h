/* tests/sim/frame.h -- what a row of the table is, and how many runs of it are counted.
 *
 * The counts do not depend on the number of threads: each run draws from a stream of its own, and
 * what is added up is whole numbers. */
#ifndef TESTS_SIM_FRAME_H
#define TESTS_SIM_FRAME_H

#include "judge/judge.h"
#include "tests/sim/generators.h"

#define MAX_MINUTES 180u

/* One run of a cell. */
struct trial {
    struct random random;
    struct arena *arena; /* emptied after each run */
    bool is_flagged;
    size_t minute; /* of the alarm, counted from 1, for procedures that look every minute */
};

enum bound_kind { BOUND_AT_MOST, BOUND_AT_LEAST, BOUND_AROUND };

struct bound {
    enum bound_kind kind;
    double percent; /* of the runs that are flagged */
    double width;   /* of BOUND_AROUND, to each side */
    size_t median;  /* the median minute of the alarms is at most this; 0: not asked */
};

struct cell {
    const char *name;
    void (*run)(const struct cell *cell, struct trial *trial);
    const char *judge;
    struct data data;
    /* Options of the judge that differ from their defaults; 0 leaves a default. */
    double alpha, min_effective_points;
    enum judge_method method;
    enum point_pairing pairing;
    enum metric_type type;
    enum count_model model;
    bool is_independent;
    size_t n_windows;  /* earlier windows for calibration */
    size_t first_look; /* of procedures that this program itself repeats */
    size_t divisor;    /* a costly row takes that many times fewer runs; 0 and 1: all */
    struct bound bound;
};

extern const struct cell cells[];
extern const size_t n_cells;

struct count {
    size_t n_runs, n_flagged;
    size_t alarms_at[MAX_MINUTES + 1]; /* [0]: flagged without a minute */
};

/* Errors: ERR_INTERNAL  there are no threads */
MUST_CHECK enum err_code count_runs(const struct cell *cell, size_t n_runs, unsigned n_threads,
                                    struct count *out, struct error *err);

double count_percent(const struct count *count);

/* Monte-Carlo standard error of the percentage. */
double count_se(const struct count *count);

/* The median minute of the alarms among all runs; 0 when fewer than half of the runs have one. */
size_t count_median(const struct count *count);

/* The bound holds, with `slack` standard errors granted to the percentage. */
bool bound_holds(const struct bound *bound, const struct count *count, double slack);

#endif
