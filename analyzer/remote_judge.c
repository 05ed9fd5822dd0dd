#include "analyzer/remote_judge.h"

#include "analyzer/codec/judge_result_read.h"
#include "analyzer/codec/metric_set_json.h"
#include "analyzer/codec/policy_json.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/version.h"
#include "collectors/collector.h"
#include "judge/fairness.h"

#include <semaphore.h>
#include <string.h>

const struct judge_type judge_remote = {.name = REMOTE_JUDGE_NAME, .is_visible = true};

bool judge_is_remote(const struct judge_type *judge)
{
    return judge == &judge_remote;
}

const struct judge_type *judge_named(const char *name)
{
    return strcmp(name, REMOTE_JUDGE_NAME) == 0 ? &judge_remote : judge_find(name);
}

/* --- asking --- */

/* Pair by pair, for a tree takes many times the room of its text. */
static void write_body(struct remote_judging *judging)
{
    const struct judgement *judgement = judging->judgement;
    struct strbuf *body = &judging->body;

    strbuf_puts(body, "{\"canaryConfig\":");
    json_write(judging->config, body);
    strbuf_puts(body, ",\"scoreThresholds\":");
    json_write(judging->thresholds, body);
    strbuf_puts(body, ",\"metricSetPairList\":[");
    for (size_t i = 0; i < judgement->n_pairs; i++) {
        json_t *pair = metric_pair_json(&judgement->pairs[i]);

        strbuf_puts(body, i ? "," : "");
        json_write(pair, body);
        json_decref(pair);
    }
    strbuf_puts(body, "]}");
}

static enum err_code build(struct remote_judging *judging)
{
    struct http_request *request = &judging->request;
    struct error *err = &judging->error;
    struct arena *arena = judging->arena;

    write_body(judging);
    request->method = "POST";
    request->url = arena_printf(arena, "%s/judge", judging->account->base_url);
    request->body = judging->body.bytes;
    request->n_body_bytes = judging->body.n_bytes;
    if (http_request_header(request, arena, "Content-Type", "application/json", err) ||
        http_request_header(request, arena, "Accept", "application/json", err) ||
        http_request_header(request, arena, "User-Agent", "serinus/" SERINUS_VERSION, err) ||
        account_sign(judging->account, arena, request, err))
        return err->code;
    return ERR_OK;
}

/* --- what came of it --- */

/* The error so far as one of the remote judge. */
static void blame(struct remote_judging *judging, long status)
{
    const struct error why = judging->error;
    enum err_code code = why.code == ERR_TIMEOUT ? ERR_TIMEOUT : ERR_UPSTREAM;
    const char *url = account_mask(judging->account, judging->request.url, judging->arena);

    judging->error = (struct error){.upstream_status = status >= 300 ? status : 0};
    error_because(&judging->error, code, "remote_judge_failed", "the judge at %.200s %s%s%s%s", url,
                  status >= 200 && status < 300 ? "gave an unusable result: " : "has not judged: ",
                  why.pointer, *why.pointer ? ": " : "",
                  account_mask(judging->account, why.message, judging->arena));
    error_context(&judging->error, "judge \"" REMOTE_JUDGE_NAME "\"");
}

static enum err_code check_status(struct remote_judging *judging)
{
    const struct http_response *reply = &judging->transfer.response;

    if (reply->status >= 200 && reply->status < 300)
        return ERR_OK;
    return error_set(&judging->error, ERR_UPSTREAM, "HTTP status %ld, %s", reply->status,
                     collector_shown(judging->account, reply->body, reply->n_body_bytes,
                                     STORE_ERROR_BODY_BYTES, judging->arena));
}

/* On a worker. */
static void read_reply(void *ctx)
{
    struct remote_judging *judging = ctx;
    struct judgement *judgement = judging->judgement;
    const struct http_response *reply = &judging->transfer.response;
    const struct str body = {reply->body, reply->n_body_bytes};

    judging->error = judging->transfer.error;
    if (!judging->error.code && check_status(judging) == ERR_OK &&
        judge_result_read(body, REMOTE_JUDGE_NAME, &judgement->input, judging->arena,
                          &judgement->result, &judging->error) == ERR_OK)
        fairness_check(&judgement->input, judging->arena, &judgement->result);
    if (judging->error.code && judging->error.code != ERR_CANCELLED)
        blame(judging, reply->status);
    fetch_transfer_clear(&judging->transfer);
    strbuf_clear(&judging->body);
    judging->on_end(judging);
}

/* On the fetch thread. */
static void landed(struct fetch_transfer *transfer)
{
    struct remote_judging *judging = transfer->ctx;

    worker_pool_submit(judging->pool, read_reply, judging);
}

void remote_judge_start(struct remote_judging *judging)
{
    struct judgement *judgement = judging->judgement;
    int64_t latest_ms = clock_mono_ms() + REMOTE_JUDGE_TOTAL_MS;

    if (judge_input_from_json(judging->config, judging->thresholds, &judge_remote, judgement->pairs,
                              judgement->n_pairs, judging->arena, &judgement->input,
                              &judging->error) ||
        build(judging)) {
        strbuf_clear(&judging->body);
        judging->on_end(judging);
        return;
    }
    if (judging->deadline_mono_ms && judging->deadline_mono_ms < latest_ms)
        latest_ms = judging->deadline_mono_ms;
    judging->transfer = (struct fetch_transfer){.account = judging->account,
                                                .request = &judging->request,
                                                .application = judging->application,
                                                .deadline_mono_ms = latest_ms,
                                                .is_cancelled = judging->is_cancelled,
                                                .done = landed,
                                                .ctx = judging};
    fetch_submit(judging->fetch, &judging->transfer);
}

static void wake(struct remote_judging *judging)
{
    sem_post(judging->ctx);
}

enum err_code remote_judge_await(const struct remote_judging *question, struct error *err)
{
    struct remote_judging judging = *question;
    sem_t ended;

    sem_init(&ended, 0, 0);
    judging.on_end = wake;
    judging.ctx = &ended;
    remote_judge_start(&judging);
    while (sem_wait(&ended) != 0)
        ; /* interrupted by a signal */
    sem_destroy(&ended);
    *err = judging.error;
    return err->code;
}
