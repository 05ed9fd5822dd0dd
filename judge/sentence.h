/* judge/sentence.h -- why a metric was decided as it was, in one sentence. Pure. */
#ifndef JUDGE_SENTENCE_H
#define JUDGE_SENTENCE_H

#include "judge/result.h"

#include "base/arena.h"

/* `report` is decided. Numbers have three significant digits. The sentence lies in `arena`. */
const char *sentence_of(const struct metric_result *result, const struct test_report *report,
                        const struct metric_policy *policy, struct arena *arena);

#endif
