/* analyzer/codec/test_report_json.h -- a test's report as resultMetadata.judge. Numbers are finite
 * or null, unbounded ends "Infinity" and "-Infinity"; blocks that do not apply are left out. */
#ifndef ANALYZER_CODEC_TEST_REPORT_JSON_H
#define ANALYZER_CODEC_TEST_REPORT_JSON_H

#include "judge/test_report.h"

#include "judge/policy.h"
#include <jansson.h>

/* `name` is the judge's. A new reference. */
json_t *test_report_json(const char *name, const struct test_report *report,
                         const struct metric_policy *policy);

#endif
