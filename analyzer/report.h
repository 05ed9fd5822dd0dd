/* analyzer/report.h -- hop 11: what a pipeline or a person reads of an execution. */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include "analyzer/execution.h"
#include "base/arena.h"
#include <jansson.h>

/* The body of GET /canary/{id} (CanaryExecutionStatusResponse).
 *
 * submission  what was frozen at acceptance: application, config, canaryExecutionRequest, account
 *             names, buildTimeMillis, metricSetPairListId (analyzer.c makes it)
 * execution   NULL while it waits for its turn
 * has_ended   the execution is over: status, times, and result or exception are in the body */
json_t *report_status(const char *id, const json_t *submission, const struct execution *execution,
                      bool has_ended);

/* The same for an execution that could not even be planned again after a restart. */
json_t *report_unplannable(const char *id, const json_t *submission, const struct error *err);

/* Our own report (schema serinus.report/v1): verdict in words, warnings, and beside every number
 * the reason for it. */
json_t *report_model(const struct judgement *judgement, const json_t *config,
                     const json_t *request_view);

#endif
