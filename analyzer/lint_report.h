/* analyzer/lint_report.h -- the problems that `serinus validate` finds, for machines that show
 * them: code scanning and test reports. Pure. */
#ifndef ANALYZER_LINT_REPORT_H
#define ANALYZER_LINT_REPORT_H

#include "base/str.h"
#include <jansson.h>

/* `problems` is what -o json prints: {file, line, column, severity, code, pointer, message} each,
 * and {dryRun: a report of preflight.h with its file} for a file whose queries were asked. */

/* A new SARIF 2.1.0 log with one run. A failed query counts as SRN160, what a dry run warns of as
 * SRN161. */
json_t *lint_sarif(const json_t *problems);

/* JUnit: a suite for each file, a failure for each error. A file without any has a case that
 * passes; warnings are its output. */
void lint_junit(const json_t *problems, const char *const *files, size_t n_files,
                struct strbuf *out);

#endif
