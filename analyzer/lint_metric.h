/* analyzer/lint_metric.h -- the part of lint.h that looks at one metric. */
#ifndef ANALYZER_LINT_METRIC_H
#define ANALYZER_LINT_METRIC_H

#include "analyzer/lint.h"

/* Of a config's view: groups, scope, query, template and analysis of metrics[i]. */
void lint_metric(struct lint *lint, const json_t *view, size_t i);

/* Templates that no metric names. */
void lint_templates(struct lint *lint, const json_t *view);

#endif
