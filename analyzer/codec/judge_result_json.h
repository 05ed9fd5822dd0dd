/* analyzer/codec/judge_result_json.h -- a judge result as Kayenta serialises it: fields that are
 * null are left out, NaN and infinities are texts. */
#ifndef ANALYZER_CODEC_JUDGE_RESULT_JSON_H
#define ANALYZER_CODEC_JUDGE_RESULT_JSON_H

#include "judge/result.h"
#include <jansson.h>

enum judge_detail {
    JUDGE_DETAIL_NONE, /* Kayenta's fields and no others */
    JUDGE_DETAIL_FULL, /* and resultMetadata.judge of each tested metric: its interval and effect */
};

/* Both give a new reference. */
json_t *judge_result_json(const struct judge_result *result);
json_t *judge_result_json_with(const struct judge_result *result, enum judge_detail detail);

#endif
