/* analyzer/analysis_report.h -- the answer to a status read of a stand-alone analysis. */
#ifndef ANALYZER_ANALYSIS_REPORT_H
#define ANALYZER_ANALYSIS_REPORT_H

#include "analyzer/analysis_plan.h"
#include "analyzer/store.h"

enum analysis_status { ANALYSIS_RUNNING, ANALYSIS_SUCCEEDED, ANALYSIS_TERMINAL, ANALYSIS_CANCELED };

/* One judgement that has been started. */
struct analysis_judgement {
    const char *execution_id;
    const json_t *body; /* its own answer; NULL while it runs */
    enum execution_state state;
    double score;     /* 0 unless it succeeded */
    bool has_warning; /* a metric has fewer than 50 baseline points */
};

/* Everything the answer is made of. */
struct analysis_facts {
    const char *id;
    const json_t *submission; /* analysis.c makes it */
    const struct analysis_plan *plan;
    const struct analysis_judgement *judgements; /* the first n_judgements of the plan's */
    size_t n_judgements;
    bool is_early; /* no more of the plan's are needed: early_pass.h */
    enum analysis_status status;
    const struct error *error; /* why the next judgement could not be started, or NULL */
    int64_t now_unix_ms, ended_unix_ms;
};

/* Whether judgement ended well enough to go on: it succeeded with a score above marginal. */
bool analysis_judgement_passed(const struct analysis_judgement *judgement, double marginal);

/* CanaryAnalysisExecutionStatusResponse (kayenta-api 16.7). A new reference. */
json_t *analysis_report(const struct analysis_facts *facts);

#endif
