/* analyzer/codec/judge_result_json.h -- a judge result as Kayenta serialises it: fields that are
 * null are left out, NaN and infinities are texts. */
#ifndef ANALYZER_CODEC_JUDGE_RESULT_JSON_H
#define ANALYZER_CODEC_JUDGE_RESULT_JSON_H

#include "judge/result.h"
#include <jansson.h>

/* A new reference. resultMetadata.judge is there for every test that explains itself, and from the
 * standard judge when the result wants details. */
json_t *judge_result_json(const struct judge_result *result);

#endif
