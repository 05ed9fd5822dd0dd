/* analyzer/codec/policy_json.h -- a canary config as the judge is told it.
 *
 * Reads what Kayenta reads, as leniently and as strictly: settings sit under analysisConfigurations
 * .canary of the first metric with the pair's name; every one is optional, unknown words mean the
 * default, but a number or switch of the wrong type refuses the whole judgement. Only metrics that
 * have a pair are looked at. */
#ifndef ANALYZER_CODEC_POLICY_JSON_H
#define ANALYZER_CODEC_POLICY_JSON_H

#include "base/arena.h"
#include "base/error.h"
#include "judge/judge.h"
#include <jansson.h>
#include <stdbool.h>

/* The judge the config names, the remote one among them, or the default one when it names none.
 * Errors: ERR_INVALID  "Unable to resolve canary judge '<name>'." */
MUST_CHECK enum err_code judge_of_config(const json_t *config, const struct judge_type **out,
                                         struct error *err);

/* What the config tells this judge about its i-th metric; for the standard one the defaults. Texts
 * are borrowed from the config. */
void policy_options_read(const json_t *config, size_t metric_index, const struct judge_type *judge,
                         struct arena *arena, struct judge_options *out);

/* Policies for the pairs and for the score.
 *
 * config      a canary config object
 * thresholds  {"pass", "marginal"}; those inside the config are never used
 * judge       the one to be told: all but the standard one read judge_options_json.h, too
 * pairs       borrowed, also by the result
 * out         lives in `arena` and points into `config`: keep both as long as the judge's result
 *
 * Errors: ERR_INVALID  "Could not find metric config for <name>"; a setting of the wrong type;
 *                      no classifier; no thresholds */
MUST_CHECK enum err_code judge_input_from_json(const json_t *config, const json_t *thresholds,
                                               const struct judge_type *judge,
                                               const struct metric_pair *pairs, size_t n_pairs,
                                               struct arena *arena, struct judge_input *out,
                                               struct error *err);

#endif
