/* analyzer/batch_answer.h -- the answer to one line of a --batch command. */
#ifndef ANALYZER_BATCH_ANSWER_H
#define ANALYZER_BATCH_ANSWER_H

#include "base/error.h"
#include "base/str.h"
#include <jansson.h>

/* Append {"id", "result"}, or {"id", "error"} when err is set. The id is the request's own,
 * whatever its type, or null; request may be NULL. Takes the reference of result, which may be
 * NULL. */
void batch_answer_take(const json_t *request, json_t *result, const struct error *err,
                       struct strbuf *out);

#endif
