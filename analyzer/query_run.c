#include "analyzer/query_run.h"

#include "analyzer/codec/metric_set_pb.h"
#include "base/clock.h"
#include "base/instant.h"

#include <string.h>

static void end_with(struct query_run *run, enum stage_status status)
{
    atomic_store(&run->status, status);
    run->on_end(run);
}

/* Why this transfer cannot be used, in the words a user needs. */
static enum err_code check_transfer(struct query_run *run, size_t i)
{
    const struct fetch_transfer *transfer = &run->transfers[i];
    const struct plan_query *plan = run->plan;

    if (transfer->error.code)
        run->error = transfer->error;
    else if (collector_check_reply(plan->collector, plan->account, transfer->request,
                                   &transfer->response, run->arena, &run->error) == ERR_OK)
        return ERR_OK;
    run->error.upstream_status = transfer->response.status;
    run->failed_url = account_mask(plan->account, transfer->request->url, run->arena);
    return run->error.code;
}

static void release_replies(struct query_run *run)
{
    for (size_t i = 0; i < run->requests.n_requests; i++)
        fetch_transfer_clear(&run->transfers[i]);
}

static void end(struct query_run *run)
{
    const struct plan_query *plan = run->plan;

    if (!run->keeps_replies)
        release_replies(run);
    if (run->error.code)
        error_context(&run->error, "account \"%s\", metric \"%s\" (%s)", plan->account->name,
                      plan->query.metric_name, plan->side == SIDE_CONTROL ? "baseline" : "canary");
    if (run->error.code == ERR_CANCELLED)
        end_with(run, STAGE_CANCELED);
    else
        end_with(run, run->error.code ? STAGE_TERMINAL : STAGE_SUCCEEDED);
}

static void ask(struct query_run *run, const struct http_request_list *more);
static void ask_first(struct query_run *run);

/* Whether the new replies fail only because the store lost its place, which it may do once. */
static bool has_lost_page(const struct query_run *run)
{
    const struct collector_type *type = run->plan->collector;

    if (!type->has_lost_page || run->has_begun_anew || run->n_answered == 0)
        return false;
    for (size_t i = run->n_answered; i < run->requests.n_requests; i++)
        if (!run->transfers[i].error.code && type->has_lost_page(&run->transfers[i].response))
            return true;
    return false;
}

static void begin_anew(struct query_run *run)
{
    release_replies(run);
    run->requests = (struct http_request_list){0};
    run->transfers = NULL;
    run->n_answered = 0;
    run->error = (struct error){0};
    run->failed_url = NULL;
    run->has_begun_anew = true;
    ask_first(run);
}

/* For others who ask the same, unless the store had nothing to say or warned, of a partial response
 * for example: that may be a mishap. */
static void keep_replies(const struct query_run *run)
{
    bool has_data = false;

    for (size_t i = 0; i < run->sets.n_sets; i++) {
        if (tag_map_get(&run->sets.sets[i].attributes, "warnings"))
            return;
        has_data |= run->sets.sets[i].n_values > 0;
    }
    for (size_t i = 0; has_data && i < run->requests.n_requests; i++)
        fetch_keep(run->fetch, &run->transfers[i]);
}

/* On a worker: all requests so far have ended. */
static void read_replies(void *ctx)
{
    struct query_run *run = ctx;
    const struct plan_query *plan = run->plan;
    size_t n = run->requests.n_requests;
    struct http_response *replies = arena_array(run->arena, struct http_response, n);
    struct http_request_list more = {0};

    for (size_t i = 0; i < n && !run->error.code; i++) {
        replies[i] = run->transfers[i].response;
        if (i >= run->n_answered)
            (void)(check_transfer(run, i) == ERR_OK); /* the error stays in run->error */
    }
    if (run->error.code) {
        if (has_lost_page(run))
            begin_anew(run);
        else
            end(run);
        return;
    }
    run->n_answered = n;
    if (collector_next(plan->collector, plan->account, &plan->query, plan->text, &run->requests,
                       replies, run->arena, &more, &run->error) == ERR_OK &&
        more.n_requests) {
        ask(run, &more);
        return;
    }
    if (run->error.code || plan->collector->parse(plan->account, &plan->query, plan->text, replies,
                                                  n, &run->sets, &run->error))
        run->failed_url = account_mask(plan->account, run->requests.requests[0].url, run->arena);
    else
        keep_replies(run);
    end(run);
}

/* On the fetch thread. */
static void transfer_done(struct fetch_transfer *transfer)
{
    struct query_run *run = transfer->ctx;

    if (atomic_fetch_sub(&run->n_pending, 1) == 1)
        worker_pool_submit(run->pool, read_replies, run);
}

/* What makes it the same question as somebody else's: for as long as a reply is kept whatever the
 * window is, that is a stretch of time. 0: nothing; a lost page would come back. */
static int64_t window_end_unix_ms(const struct query_run *run, const struct http_request *request)
{
    const struct scope *scope = &run->plan->query.scope;
    int64_t now_unix_ms = clock_wall_ms();

    if (run->has_begun_anew)
        return 0;
    if (request->keep_ms)
        return now_unix_ms - now_unix_ms % request->keep_ms;
    return scope->has_end ? scope->end_unix_ns / NS_PER_MS : 0;
}

/* Put them behind those that have been answered, and send them. */
static void ask(struct query_run *run, const struct http_request_list *more)
{
    size_t n_old = run->requests.n_requests;
    size_t n = n_old + more->n_requests;
    struct http_request *requests = arena_array(run->arena, struct http_request, n);
    struct fetch_transfer *transfers = arena_array(run->arena, struct fetch_transfer, n);

    if (n_old) {
        memcpy(requests, run->requests.requests, n_old * sizeof(*requests));
        memcpy(transfers, run->transfers, n_old * sizeof(*transfers));
    }
    for (size_t i = n_old; i < n; i++) {
        requests[i] = more->requests[i - n_old];
        transfers[i] = (struct fetch_transfer){
            .account = run->plan->account,
            .request = &requests[i],
            .application = run->application,
            .window_end_unix_ms = window_end_unix_ms(run, &requests[i]),
            .deadline_mono_ms = run->deadline_mono_ms,
            .is_cancelled = run->is_cancelled,
            .done = transfer_done,
            .ctx = run,
        };
    }
    run->requests = (struct http_request_list){requests, n};
    run->transfers = transfers;
    atomic_store(&run->n_pending, n - n_old);
    for (size_t i = n_old; i < n; i++) /* the last one may end the run before this returns */
        fetch_submit(run->fetch, &transfers[i]);
}

static void ask_first(struct query_run *run)
{
    const struct plan_query *plan = run->plan;
    struct http_request_list first = {0};

    if (collector_build(plan->collector, plan->account, &plan->query, plan->text, run->arena,
                        &first, &run->error))
        end_with(run, STAGE_TERMINAL);
    else
        ask(run, &first);
}

void query_run_start(struct query_run *run)
{
    run->arena = arena_create();
    run->sets.arena = run->arena;
    atomic_store(&run->status, STAGE_RUNNING);
    ask_first(run);
}

enum err_code query_run_restore(struct query_run *run, struct str encoded, struct error *err)
{
    struct arena *arena = arena_create();
    struct stored_set *list;
    size_t n;

    if (metric_sets_decode(encoded, arena, &list, &n, err)) {
        arena_free(arena);
        return err->code;
    }
    run->arena = arena;
    run->sets.arena = arena;
    for (size_t i = 0; i < n; i++)
        *metric_set_list_add(&run->sets) = list[i].set;
    run->is_stored = true;
    atomic_store(&run->status, STAGE_SUCCEEDED);
    return ERR_OK;
}

void query_run_encode(const struct query_run *run, struct strbuf *out)
{
    struct arena *arena = arena_create();
    struct stored_set *list = arena_array(arena, struct stored_set, run->sets.n_sets);

    for (size_t i = 0; i < run->sets.n_sets; i++)
        list[i] = (struct stored_set){run->plan->side, run->plan->scope_name, run->sets.sets[i]};
    metric_sets_encode(list, run->sets.n_sets, out);
    arena_free(arena);
}

void query_run_clear(struct query_run *run)
{
    if (run->keeps_replies)
        release_replies(run);
    arena_free(run->arena);
    run->arena = NULL;
}
