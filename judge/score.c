#include "judge/score.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERCENT 100.0
#define SCORE_DECIMALS 2
#define SCALA_SMALL_MAP 4 /* maps of up to four entries keep an order of their own */

struct group {
    const char *name;
    size_t n_passed, n_counted, first_seen;
    double grades;  /* sum over the counted */
    uint64_t place; /* sort key */
};

/* Java's String.hashCode: over UTF-16 code units, which the UTF-8 text is decoded to. */
static uint32_t java_hash(const char *text)
{
    uint32_t hash = 0;

    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        static const uint32_t lead_mask[] = {0x7f, 0, 0x1f, 0x0f, 0x07};
        size_t n = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
        uint32_t point = *at & lead_mask[n == 1 ? 0 : n];

        at++;
        for (size_t i = 1; i < n && (*at & 0xc0) == 0x80; i++)
            point = point << 6 | (*at++ & 0x3f);
        if (point >= 0x10000) {
            hash = hash * 31 + (0xd800 + ((point - 0x10000) >> 10));
            point = 0xdc00 + (point & 0x3ff);
        }
        hash = hash * 31 + point;
    }
    return hash;
}

/* Place in a mutable Scala 2.12 HashMap of 16 slots, walked from the highest slot down. Within a
 * slot the latest entry comes first. */
static uint64_t small_map_place(uint32_t hash, size_t first_seen)
{
    uint32_t mixed = __builtin_bswap32(hash * 0x9e3775cdu) * 0x9e3775cdu;
    uint32_t rotated = mixed >> 4 | mixed << 28;

    return (uint64_t)(15 - (rotated >> 28)) << 32 | (UINT32_MAX - (uint32_t)first_seen);
}

/* Place in an immutable Scala 2.12 HashMap, a trie over the 5-bit digits of the hash, lowest first.
 */
static uint64_t trie_place(uint32_t hash)
{
    uint64_t place = 0;

    hash += ~(hash << 9);
    hash ^= hash >> 14;
    hash += hash << 4;
    hash ^= hash >> 10;
    for (unsigned shift = 0; shift < 32; shift += 5)
        place = place << 5 | (hash >> shift & 31);
    return place;
}

static int by_place(const void *a, const void *b)
{
    const struct group *left = a, *right = b;

    if (left->place != right->place)
        return left->place < right->place ? -1 : 1;
    return left->first_seen < right->first_seen ? -1 : left->first_seen > right->first_seen;
}

static struct group *group_named(struct group *groups, size_t *n_groups, const char *name)
{
    for (size_t i = 0; i < *n_groups; i++)
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    groups[*n_groups] = (struct group){.name = name, .first_seen = *n_groups};
    return &groups[(*n_groups)++];
}

/* By the confidence of its test; without one, and when it was flagged, all or nothing. */
static double grade_of(const struct metric_result *result)
{
    if (result->classification != CLASS_PASS)
        return 0;
    return isnan(result->grade) ? PERCENT : result->grade;
}

static enum err_code collect_groups(const struct metric_result *results, size_t n_results,
                                    struct arena *arena, struct group **out, size_t *n_out,
                                    struct error *err)
{
    size_t n_entries = 0, n_groups = 0;
    struct group *groups;

    for (size_t i = 0; i < n_results; i++) {
        if (!results[i].is_muted && !results[i].groups)
            return error_set(err, ERR_INVALID, "metric \"%s\" has no groups",
                             results[i].pair->name);
        n_entries += results[i].n_groups;
    }
    groups = arena_array(arena, struct group, n_entries);
    for (size_t i = 0; i < n_results; i++) {
        const struct metric_result *result = &results[i];
        bool is_counted =
            result->classification != CLASS_NODATA && result->classification != CLASS_ERROR;

        for (size_t k = 0; k < result->n_groups && !result->is_muted; k++) {
            struct group *group = group_named(groups, &n_groups, result->groups[k]);

            group->n_counted += is_counted;
            group->n_passed += result->classification == CLASS_PASS;
            if (is_counted)
                group->grades += grade_of(result);
        }
    }
    for (size_t i = 0; i < n_groups; i++) {
        uint32_t hash = java_hash(groups[i].name);

        groups[i].place = n_groups <= SCALA_SMALL_MAP ? small_map_place(hash, groups[i].first_seen)
                                                      : trie_place(hash);
    }
    qsort(groups, n_groups, sizeof(*groups), by_place);
    *out = groups;
    *n_out = n_groups;
    return ERR_OK;
}

/* The sum of all configured weights, in the order of the map that holds them. */
static double weight_sum(const struct score_policy *policy, struct arena *arena)
{
    struct group *order = arena_array(arena, struct group, policy->n_weights);
    double sum = 0;

    for (size_t i = 0; i < policy->n_weights; i++) {
        order[i].first_seen = i;
        if (policy->n_weights > SCALA_SMALL_MAP)
            order[i].place = trie_place(java_hash(policy->weights[i].group));
    }
    qsort(order, policy->n_weights, sizeof(*order), by_place);
    for (size_t i = 0; i < policy->n_weights; i++)
        sum += policy->weights[order[i].first_seen].weight;
    return sum;
}

static const double *weight_of(const struct score_policy *policy, const char *group)
{
    for (size_t i = 0; i < policy->n_weights; i++)
        if (strcmp(policy->weights[i].group, group) == 0)
            return &policy->weights[i].weight;
    return NULL;
}

static double weighted_sum(const struct group_score *groups, size_t n_groups,
                           const struct score_policy *policy, struct arena *arena)
{
    size_t n_unweighted = 0;
    double shared_weight, sum = 0;

    for (size_t i = 0; i < n_groups; i++)
        n_unweighted += !weight_of(policy, groups[i].name);
    shared_weight = n_unweighted ? (PERCENT - weight_sum(policy, arena)) / (double)n_unweighted : 0;
    for (size_t i = 0; i < n_groups; i++) {
        const double *weight = weight_of(policy, groups[i].name);
        double score = groups[i].has_data ? groups[i].score : PERCENT;

        sum += score * ((weight ? *weight : shared_weight) / PERCENT);
    }
    return sum;
}

double score_round(double value)
{
    char text[40], digits[20];
    int exponent, keep, n_digits = 0;
    bool goes_up;

    if (value == 0)
        return 0.0;
    for (int precision = 14; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, fabs(value));
        if (strtod(text, NULL) == fabs(value))
            break;
    }
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    for (const char *at = text; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[n_digits++] = *at;
    keep = exponent + 1 + SCORE_DECIMALS;
    if (keep >= n_digits)
        return value;
    if (keep < 0)
        return 0.0;
    goes_up = digits[keep] >= '5';
    digits[keep] = '\0';
    /* The kept digits are a whole number of hundredths, below 10^15, so this is exact up to the
     * one division. */
    value = copysign((strtod(keep ? digits : "0", NULL) + goes_up) / PERCENT, value);
    return value == 0 ? 0.0 : value;
}

static void score_force(struct judge_result *out, const char *reason)
{
    out->score = 0;
    out->reason = reason;
}

static enum err_code score_total(const struct metric_result *results, size_t n_results,
                                 const struct score_policy *policy, struct arena *arena,
                                 struct judge_result *out, struct error *err)
{
    size_t n_scored = 0, n_nodata = 0, n_errors = 0;
    double sum;

    for (size_t i = 0; i < n_results; i++) {
        const struct metric_result *result = &results[i];

        if (result->is_muted)
            continue;
        if (result->is_critical && result->classification != CLASS_PASS) {
            score_force(out, arena_printf(arena, "Canary Failed: %s", result->reason));
            return ERR_OK;
        }
        n_scored++;
        n_errors += policy->errors_are_nodata && result->classification == CLASS_ERROR;
        n_nodata += result->classification == CLASS_NODATA;
    }
    if (n_scored && n_nodata * 2 >= n_scored) {
        score_force(out, "Canary Failed: 50% or more metrics returned NODATA");
        out->is_forced_by_nodata = true;
        return ERR_OK;
    }
    if (n_errors && (n_nodata + n_errors) * 2 >= n_scored) {
        score_force(out, "Canary Failed: 50% or more metrics could not be judged");
        return ERR_OK;
    }
    sum = weighted_sum(out->groups, out->n_groups, policy, arena);
    if (!isfinite(sum))
        return error_set(err, ERR_INVALID, "the score is not a finite number");
    out->score = score_round(sum);
    return ERR_OK;
}

enum err_code score_results(const struct metric_result *results, size_t n_results,
                            const struct score_policy *policy, struct arena *arena,
                            struct judge_result *out, struct error *err)
{
    struct judge_result scored = {.results = results, .n_results = n_results, .reason = ""};
    struct group_score *scores;
    struct group *groups;

    if (collect_groups(results, n_results, arena, &groups, &scored.n_groups, err))
        return err->code;
    scores = arena_array(arena, struct group_score, scored.n_groups);
    for (size_t i = 0; i < scored.n_groups; i++) {
        const struct group *group = &groups[i];

        scores[i].name = group->name;
        scores[i].has_data = group->n_counted > 0;
        if (!scores[i].has_data)
            continue;
        scores[i].score = policy->scoring == SCORING_GRADED
                              ? score_round(group->grades / (double)group->n_counted)
                              : (double)group->n_passed / (double)group->n_counted * PERCENT;
    }
    scored.groups = scores;
    if (score_total(results, n_results, policy, arena, &scored, err))
        return err->code;
    scored.verdict = scored.score >= policy->pass       ? VERDICT_PASS
                     : scored.score >= policy->marginal ? VERDICT_MARGINAL
                                                        : VERDICT_FAIL;
    *out = scored;
    return ERR_OK;
}
