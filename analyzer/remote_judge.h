/* analyzer/remote_judge.h -- RemoteJudge-v1.0: a judge of somebody else's, asked over HTTP as
 * Kayenta does it.
 *
 *   POST <kayenta.remoteJudge.endpoint.baseUrl>/judge
 *   {"canaryConfig": ..., "scoreThresholds": {"pass": ..., "marginal": ...},
 *    "metricSetPairList": [...]}
 *
 * The answer, 200 to 299, is a judge's result (codec/judge_result_read.h). Judging changes nothing
 * anywhere: what failed on its way, and 502, 503 and 504, is asked again, all within
 * REMOTE_JUDGE_TOTAL_MS. There is never a verdict but the one that the judge has given. */
#ifndef ANALYZER_REMOTE_JUDGE_H
#define ANALYZER_REMOTE_JUDGE_H

#include "analyzer/judgement.h"
#include "base/worker_pool.h"
#include "collectors/fetch.h"

#define REMOTE_JUDGE_NAME "RemoteJudge-v1.0"
#define REMOTE_JUDGE_NEEDS                                                                         \
    "It needs kayenta.remoteJudge.enabled and kayenta.remoteJudge.endpoint.baseUrl in the "        \
    "settings."

/* What stands for it where a judge is wanted: neither `classify` nor `test`, so that judge_run()
 * must not be called with it. */
extern const struct judge_type judge_remote;

bool judge_is_remote(const struct judge_type *judge);

/* judge_find(), and this one. */
const struct judge_type *judge_named(const char *name);

/* One judgement on its way. */
struct remote_judging {
    /* set by the caller, who keeps the struct and all it points to alive until on_end */
    const struct account *account; /* of the settings */
    struct fetch *fetch;
    struct worker_pool *pool;
    const json_t *config, *thresholds; /* these outlive the judgement, as in judgement_judge() */
    struct judgement *judgement;       /* its pairs are judged; gets input and result */
    struct arena *arena;
    const char *application;         /* as in query_run.h */
    int64_t deadline_mono_ms;        /* 0: REMOTE_JUDGE_TOTAL_MS from now, which it is at most */
    const atomic_bool *is_cancelled; /* may be NULL */
    void (*on_end)(struct remote_judging *judging); /* on a worker, or at once */
    void *ctx;

    /* filled before on_end: ERR_INVALID as judgement_judge(); ERR_CANCELLED; or ERR_UPSTREAM or
     * ERR_TIMEOUT with reason remote_judge_failed, which says what was wrong */
    struct error error;

    struct http_request request; /* its own, as is the rest */
    struct strbuf body;
    struct fetch_transfer transfer;
};

/* Never waits. */
void remote_judge_start(struct remote_judging *judging);

/* Ask, and wait for the end. `question` is what the caller sets, without on_end and ctx. Errors:
 * those of the struct. */
MUST_CHECK enum err_code remote_judge_await(const struct remote_judging *question,
                                            struct error *err);

#endif
