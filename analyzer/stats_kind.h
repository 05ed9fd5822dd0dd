/* analyzer/stats_kind.h -- the kinds of `serinus stats --batch`: a name, and a function from the
 * JSON of a request to the JSON of its result. Each table ends with a zeroed row. */
#ifndef ANALYZER_STATS_KIND_H
#define ANALYZER_STATS_KIND_H

#include "base/json.h"
#include <stdbool.h>

struct stats_kind {
    const char *name;
    /* inputs and params as they came, NULL when absent. *out is the caller's to release; it may
     * be set although an error is returned. */
    enum err_code (*compute)(const json_t *inputs, const json_t *params, struct arena *arena,
                             json_t **out, struct error *err);
};

extern const struct stats_kind stats_ranks_kinds[];  /* ranks, means, autocorrelation, power */
extern const struct stats_kind stats_counts_kinds[]; /* distributions, counts, sequences */

/* Readers. Each error is ERR_INVALID and names the field: `where` is "inputs" or "params". */

/* A list of finite numbers, maybe empty. */
MUST_CHECK enum err_code stats_list(const json_t *object, const char *where, const char *key,
                                    struct arena *arena, double **values, size_t *n,
                                    struct error *err);

/* The lists "x" and "y" of inputs, one value or more each. */
struct stats_samples {
    double *x, *y;
    size_t n, m;
};
MUST_CHECK enum err_code stats_samples(const json_t *inputs, struct arena *arena,
                                       struct stats_samples *out, struct error *err);

/* A number in [low, high] that must be there. */
MUST_CHECK enum err_code stats_number(const json_t *object, const char *where, const char *key,
                                      double low, double high, double *out, struct error *err);
/* The same with *out left as it is when absent or null: put the default there first. */
MUST_CHECK enum err_code stats_number_or(const json_t *object, const char *where, const char *key,
                                         double low, double high, double *out, struct error *err);

/* A whole number in [low, high] that must be there. */
MUST_CHECK enum err_code stats_count(const json_t *object, const char *where, const char *key,
                                     size_t low, size_t high, size_t *out, struct error *err);

/* One of `names`, which end with NULL; its index. *out is left as it is when absent. */
MUST_CHECK enum err_code stats_choice(const json_t *object, const char *where, const char *key,
                                      const char *const *names, size_t *out, struct error *err);

/* 1 - params.conf_level, which lies in (0, 1); the default is 1 - 0.98. */
MUST_CHECK enum err_code stats_alpha(const json_t *params, double *alpha, struct error *err);

/* Set a number of the result; NaN is null, infinities are texts (json_number_or_null). */
void stats_set(json_t *result, const char *key, double value);
/* The same for what is no end of an interval: null unless finite. */
void stats_set_finite(json_t *result, const char *key, double value);
void stats_set_list(json_t *result, const char *key, const double *values, size_t n);

#endif
