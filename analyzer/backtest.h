/* analyzer/backtest.h -- judges against history in which nothing changed: how often each would have
 * raised an alarm, how small a change it could have seen, and which limits would have kept it
 * quiet. Pure: the series are there already; any number of threads may judge windows of one
 * backtest, each window once.
 *
 * An alarm is a metric classified High or Low. All windows have one length; their starts are
 * `stride` apart, so that they may overlap. Windows that share points are no independent evidence:
 * intervals count only as many windows as fit into the span side by side. */
#ifndef ANALYZER_BACKTEST_H
#define ANALYZER_BACKTEST_H

#include "judge/judge.h"

#define BACKTEST_MAX_WINDOWS 20000u
#define BACKTEST_MAX_FINDINGS 2000000u /* windows x judges x pairs */

/* Where two arms without a change between them come from. */
enum aa_arms {
    AA_TWO_SCOPES,    /* baseline and canary scope, which ran the same version, minute by minute */
    AA_SPLIT_SERIES,  /* one scope with several series: the mean of every other one against the
                         mean of the rest, minute by minute */
    AA_WINDOW_BEFORE, /* one scope with one series: each window against the one just before it */
};
const char *aa_arms_name(enum aa_arms arms); /* "two scopes", "split series", "window before" */

/* One metric over the whole span. */
struct aa_pair {
    struct metric_pair pair;
    enum aa_arms arms;
    int64_t start_unix_ms[N_SIDES]; /* where the span begins on each side */
};

struct window_plan {
    int64_t first_ms, stride_ms, length_ms; /* starts: first + i stride, from the span's start */
    size_t n;
    size_t n_apart; /* how many of the length fit into the span side by side, at most n */
};

/* span_ms     what there is of history
 * step_ms     strides are whole steps
 * stride_ms   between two starts; 0: so that about n_wanted windows fill the span, or as many as
 *             there are different ones
 * needs_before  each window needs as much again in front of it
 *
 * Errors: ERR_INVALID  the span holds no window; ERR_LIMIT  more than BACKTEST_MAX_WINDOWS */
MUST_CHECK enum err_code window_plan_make(int64_t span_ms, int64_t step_ms, int64_t length_ms,
                                          int64_t stride_ms, size_t n_wanted, bool needs_before,
                                          struct window_plan *out, struct error *err);

/* The points of a pair from `offset_ms` behind its start, length_ms long; values are borrowed. */
struct metric_pair aa_slice(const struct aa_pair *pair, int64_t offset_ms, int64_t length_ms);

/* One window of one metric, seen by one judge. NaN where the judge does not say. */
struct finding {
    enum classification classification;
    double limit_high, limit_low; /* on the scale of the margins: an allowedIncrease above the one,
                                     or an allowedDecrease below the other, keeps it quiet */
    double mde;                   /* minimum detectable effect in the metric's unit, power 0.8 */
    double level;                 /* the control's mean */
    double phi, n_eff;
    double statistic, df;
};

struct backtest_judge {
    const struct judge_type *type;
    struct judge_input input; /* of the whole span: policies[i] belongs to pairs[i] */
};

struct backtest {
    const struct aa_pair *pairs;
    size_t n_pairs;
    struct window_plan windows;
    const struct backtest_judge *judges;
    size_t n_judges;
    struct finding *findings; /* n_judges x windows.n x n_pairs */
    enum verdict *verdicts;   /* n_judges x windows.n */
};

/* Room for the findings. ERR_LIMIT over BACKTEST_MAX_FINDINGS. */
MUST_CHECK enum err_code backtest_start(struct backtest *backtest, struct arena *arena,
                                        struct error *err);

/* Judge one window by all judges. Writes that window's findings and nothing else; `scratch` is
 * reset. Errors: those of judge_run(). */
MUST_CHECK enum err_code backtest_window(const struct backtest *backtest, size_t window,
                                         struct arena *scratch, struct error *err);

/* --- summing up --- */

/* A share of windows with Wilson's 95 % interval (JASA 22, 1927) for n_apart of them. NaN for no
 * windows. */
struct window_share {
    size_t n, n_hits;
    double rate, lower, upper;
};
struct window_share window_share_of(size_t n_hits, size_t n, size_t n_apart);

struct metric_backtest {
    size_t n_no_data, n_errors;
    size_t n_high, n_low;
    struct window_share alarms;     /* among windows with data */
    double level, mde, mde_percent; /* medians over the windows; percent of the level */
    double phi, n_eff;              /* likewise */
    double alpha;                   /* what the alarms should stay below */
    double margin_neutral;          /* "no change" on the scale of the limits */
    double allowed_increase;        /* the smallest that at most a share alpha of the windows */
    double allowed_decrease;        /* would have passed; both, alpha / 2 each, where either
                                       direction counts. NaN: not one that counts, or none
                                       would do */
    double calibration;             /* what standard errors would have to be multiplied by, at
                                       least 1 (judge/tested.h); NaN: unknown */
};

struct canary_backtest {
    struct window_share below_pass, below_marginal; /* windows by the score of all metrics */
    struct window_share alarms; /* of all unmuted metrics together, as if one told nothing of
                                   another */
    double alpha;               /* mean of the metrics' */
    double mde_percent;         /* median over metrics */
    bool is_sound;              /* the alarms are not significantly more than twice alpha */
};

void backtest_metric(const struct backtest *backtest, size_t judge, size_t pair,
                     struct arena *scratch, struct metric_backtest *out);
void backtest_canary(const struct backtest *backtest, size_t judge, struct arena *scratch,
                     struct canary_backtest *out);

/* The sound judge that sees the smallest change; the one with the fewest alarms when none is. */
size_t backtest_best(const struct canary_backtest *judges, size_t n_judges);

#endif
