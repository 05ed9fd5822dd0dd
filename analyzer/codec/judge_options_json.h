/* analyzer/codec/judge_options_json.h -- what a canary config tells the judges beside the standard
 * one: judge.judgeConfigurations for all metrics, analysisConfigurations.canary.judge for one.
 * Kayenta reads neither. Pure.
 *
 * A value that cannot be used is never replaced in silence: `complain` is called with the JSON
 * pointer of the key and a sentence, and the option keeps its earlier value. */
#ifndef ANALYZER_CODEC_JUDGE_OPTIONS_JSON_H
#define ANALYZER_CODEC_JUDGE_OPTIONS_JSON_H

#include "base/arena.h"
#include "judge/judge.h"
#include <jansson.h>

struct judge_options_reader {
    struct arena *arena;
    const struct judge_type *judge;
    const json_t *metrics; /* of the config: where an exposure metric must be */
    void (*complain)(void *ctx, const char *pointer, const char *text);
    void (*unknown)(void *ctx, const char *pointer,
                    const char *key); /* no judge reads it; or NULL */
    void *ctx;
};

/* Read the members of `settings`, which is at `pointer`, over what `options` already says. Absent
 * or null settings say nothing. `options` may borrow texts from `settings`. */
void judge_options_read(const struct judge_options_reader *reader, const json_t *settings,
                        const char *pointer, struct judge_options *options);

/* The i-th key that is read, for "did you mean"; NULL after the last. */
const char *judge_options_key(size_t i);

#endif
