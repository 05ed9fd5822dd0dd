/* judge/test_report.h -- what a judge found out about one metric: the numbers of its test, and the
 * four p-values the verdict is made of. A judge fills it; decide.h adds what depends on the other
 * metrics; analyzer/codec/test_report_json.h writes it as resultMetadata.judge.
 *
 * A number that does not exist is NaN, a text NULL, a count 0. */
#ifndef JUDGE_TEST_REPORT_H
#define JUDGE_TEST_REPORT_H

#include "judge/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decision {
    DECISION_UNDECIDED = 0, /* not yet; decide.h */
    DECISION_HARM,
    DECISION_NON_INFERIOR, /* a change beyond the margin is excluded */
    DECISION_INCONCLUSIVE,
    DECISION_NO_DATA, /* too little to test; `reason` says what is missing */
    DECISION_ERROR,   /* a value in the config that cannot be used; likewise */
};
const char *decision_name(enum decision decision); /* "harm", "non-inferior", ... */

/* How far an error level is to be trusted. */
enum exactness { EXACTNESS_EXACT = 0, EXACTNESS_ASYMPTOTIC, EXACTNESS_APPROXIMATE };

enum effect_unit { UNIT_METRIC = 0, UNIT_RATIO, UNIT_PROBABILITY };

/* Experiment against control; `measure` in the words of the report: "ratio", "shift", "cles",
 * "cliffsDelta", "difference", "hedgesG", "rateRatio", "quantileDifference". */
struct effect {
    const char *measure;
    double estimate, lower, upper; /* 1 - alpha interval; ends may be infinite */
    enum effect_unit unit;
};

/* One look of a sequential test. */
struct look {
    int64_t unix_ms;
    double log_e;                  /* evidence against "no change": natural logarithm of E */
    double estimate, lower, upper; /* confidence sequence, on the scale of `effect` */
};

struct sequential_report {
    double log_e, log_e_max, log_threshold; /* alarm when log_e_max reaches the threshold */
    double always_valid_p;
    int64_t first_crossing_unix_ms; /* 0: none */
    double lower, upper;
    const struct look *looks; /* NULL: no sequential test */
    size_t n_looks;
};

struct calibration_report {
    size_t n_windows; /* 0: none */
    double factor;    /* what standard errors were multiplied by, at least 1 */
    double false_alarm_rate;
    bool is_one_sided; /* most earlier windows differ in one direction: not used */
};

struct warning {
    const char *code, *text; /* "unitTooSmall", and a sentence */
};

#define MAX_EFFECTS 8
#define MAX_WARNINGS 12

struct test_report {
    const char *method; /* "rank-har-paired" */
    enum exactness exactness;
    const char *statistic_name;
    double statistic, df;
    double p; /* of "no change", two-sided */
    double alpha;
    struct effect effect; /* on the scale the margins are on */
    struct effect effects[MAX_EFFECTS];
    size_t n_effects;
    bool is_of_nothing;    /* the baseline is 0: its ratios all lie at "no change" */
    double margin_neutral; /* "no change" on that scale: 1 for ratios, 0 for shifts, 0.5 for cles */

    /* One-sided p-values: how well the data fit an effect at the margin or on its harmless side.
     * above[MARGIN_ALLOWED] small: the experiment is higher than allowedIncrease. */
#define MARGIN_ALLOWED 0
#define MARGIN_CRITICAL 1
    double above[2], below[2];

    size_t n[2]; /* control, experiment, after cleaning */
    bool is_paired;
    size_t n_removed_nan, n_removed_outliers;
    double phi, variance_inflation, n_eff, ljung_box_p;
    double minimum_detectable_effect; /* in the metric's unit, power 0.8 */
    size_t points_needed;             /* to decide about the margin; 0: unknown */
    double step_s;                    /* seconds between points; 0: unknown */
    bool is_uninformative;            /* fewer effective points than minEffectivePoints */
    struct sequential_report sequential;
    struct calibration_report calibration;
    struct warning warnings[MAX_WARNINGS];
    size_t n_warnings;

    enum decision decision;
    const char *reason; /* with NO_DATA and ERROR; else made by decide.h */
    double p_adjusted;  /* decide.h: what was compared with alpha */
    enum multiplicity adjustment;
};

/* Everything NaN, 0 or NULL as said above, and what is known before the test. */
struct test_report test_report_start(const struct judge_options *options);

/* Its statistic is an effect over its standard error, Student's t or a normal z: something that a
 * factor on standard errors sets right. Other distances, and evidence of counts, are not. */
bool test_report_has_standard_error(const struct test_report *report);

/* The variance of such a statistic when nothing has changed: df / (df - 2), 1 of a normal z. */
double test_statistic_variance(double df);

/* The test cannot be made: DECISION_ERROR or DECISION_NO_DATA. Always false; the
 * reason is borrowed. */
bool test_refuse(struct test_report *report, enum decision decision, const char *reason);

/* The texts are borrowed. Beyond MAX_WARNINGS and MAX_EFFECTS they are left out. */
void test_report_warn(struct test_report *report, const char *code, const char *text);
void test_report_add_effect(struct test_report *report, struct effect effect);

#endif
