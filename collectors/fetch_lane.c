/* A lane is one account: how many of its requests fly at once, which application is next, and
 * whether the store is worth asking at all.
 *
 * Where the account signs in with a token, the lane waits while one is fetched, in a lane of its
 * own. Each lane has a breaker: once several requests in a row have failed, it is open, and all but
 * one probe in a while fail on the spot; that counts as a try, so a dead store costs its callers
 * their tries and nobody else anything. */
#include "collectors/fetch_engine.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define BREAKER_FAILURES 5u /* in a row */
#define BREAKER_PROBE_MS 15000
#define THROTTLED_MS 60000 /* how long a store that was asked too much is spared */

struct lane *lane_find(struct fetch *fetch, const struct account *account)
{
    struct lane *lane;

    TAILQ_FOREACH(lane, &fetch->lanes, link)
    if (strcmp(lane->name, account->name) == 0 && strcmp(lane->base_url, account->base_url) == 0)
        return lane;
    lane = mem_alloc(1, sizeof(*lane));
    lane->name = mem_strdup(account->name);
    lane->base_url = mem_strdup(account->base_url);
    TAILQ_INIT(&lane->turns);
    TAILQ_INSERT_TAIL(&fetch->lanes, lane, link);
    if (account->tls.insecure_skip_verify)
        log_warn(fetch->log, "TLS verification is off", LOG_STR("account", account->name));
    return lane;
}

void lane_free(struct lane *lane)
{
    token_keeper_free(lane->tokens);
    free(lane->name);
    free(lane->base_url);
    free(lane);
}

/* --- the breaker --- */

static bool lane_is_open(const struct lane *lane)
{
    return lane->n_failures >= BREAKER_FAILURES;
}

void lane_failed(struct fetch *fetch, struct lane *lane, const struct error *err, int64_t now_ms)
{
    lane->last_error = *err;
    if (++lane->n_failures != BREAKER_FAILURES)
        return;
    lane->next_probe_ms = now_ms + BREAKER_PROBE_MS;
    log_warn(fetch->log, "metric store stopped answering", LOG_STR("account", lane->name),
             LOG_STR("cause", err->message));
}

void lane_answered(struct fetch *fetch, struct lane *lane)
{
    if (lane_is_open(lane))
        log_info(fetch->log, "metric store answered again", LOG_STR("account", lane->name));
    lane->n_failures = 0;
}

static void fail_fast(struct fetch *fetch, struct question *question)
{
    struct error *err = &question->error;

    question->n_tries++;
    if (!err->code && !question->try.status)
        error_because(err, ERR_UPSTREAM, "store_unavailable",
                      "the metric store was not asked, because its last %u replies were failures: "
                      "%s",
                      question->lane->n_failures, question->lane->last_error.message);
    question_try_again(fetch, question, 0);
}

/* --- turns --- */

struct turn *lane_turn(struct lane *lane, const char *application)
{
    const char *name = application ? application : "";
    struct turn *turn;

    TAILQ_FOREACH(turn, &lane->turns, link)
    if (strcmp(turn->application, name) == 0)
        break;
    if (!turn) {
        turn = mem_alloc(1, sizeof(*turn));
        turn->application = mem_strdup(name);
        TAILQ_INIT(&turn->queue);
        TAILQ_INSERT_TAIL(&lane->turns, turn, link);
    }
    turn->n_questions++;
    return turn;
}

void lane_turn_leave(struct lane *lane, struct turn *turn)
{
    if (--turn->n_questions)
        return;
    TAILQ_REMOVE(&lane->turns, turn, link);
    free(turn->application);
    free(turn);
}

void lane_throttled(struct fetch *fetch, struct lane *lane, int64_t now_ms)
{
    if (now_ms >= lane->slow_until_ms)
        log_info(fetch->log, "metric store throttles, half as many requests for a while",
                 LOG_STR("account", lane->name));
    lane->slow_until_ms = now_ms + THROTTLED_MS;
}

static unsigned lane_limit(const struct lane *lane, const struct account *account, int64_t now_ms)
{
    unsigned limit = account->max_concurrent_requests < STORE_CONCURRENCY_MAX
                         ? account->max_concurrent_requests
                         : STORE_CONCURRENCY_MAX;

    return now_ms < lane->slow_until_ms && limit > 1 ? limit / 2 : limit;
}

/* The first one waiting that flies in less than half of the lane; where all have their half and an
 * odd place is left, the first one. */
static struct turn *next_turn(const struct lane *lane, int64_t now_ms)
{
    struct turn *turn, *first = NULL;

    TAILQ_FOREACH(turn, &lane->turns, link)
    {
        const struct question *question = TAILQ_FIRST(&turn->queue);

        if (!question)
            continue;
        if (turn->n_flying < lane_limit(lane, question->try.account, now_ms) / 2)
            return turn;
        if (!first)
            first = turn;
    }
    return first;
}

/* How the account signs in: TOKEN_READY when it takes no token. */
static enum token_state lane_token(struct fetch *fetch, struct lane *lane,
                                   const struct account *account, int64_t now_ms)
{
    if (!account->token)
        return TOKEN_READY;
    if (!lane->tokens)
        lane->tokens = token_keeper_create(fetch);
    return token_keeper_look(lane->tokens, account, now_ms);
}

/* Let one that waits go. Returns false when none may. */
static bool lane_advance(struct fetch *fetch, struct lane *lane, int64_t now_ms)
{
    struct turn *turn = next_turn(lane, now_ms);
    struct question *question = turn ? TAILQ_FIRST(&turn->queue) : NULL;
    const struct account *account = question ? question->try.account : NULL;
    enum token_state token;

    if (!question || lane->n_flying >= lane_limit(lane, account, now_ms) ||
        now_ms < lane->resume_ms)
        return false;
    token = lane_token(fetch, lane, account, now_ms);
    if (token == TOKEN_PENDING)
        return false;
    TAILQ_REMOVE(&lane->turns, turn, link);
    TAILQ_INSERT_TAIL(&lane->turns, turn, link);
    question_pull_out(fetch, question);
    if (token == TOKEN_REFUSED) {
        question->error = *token_keeper_error(lane->tokens);
        question_end(fetch, question);
        return true;
    }
    if (account->token)
        fetch_try_set_token(&question->try, token_keeper_text(lane->tokens));
    question->try.clock_offset_s = lane->clock_offset_s;
    if (lane_is_open(lane) && now_ms < lane->next_probe_ms) {
        fail_fast(fetch, question);
        return true;
    }
    if (lane_is_open(lane))
        lane->next_probe_ms = now_ms + BREAKER_PROBE_MS;
    if (!question_merge(fetch, question))
        flight_begin_try(fetch, question);
    return true;
}

void lanes_dispatch(struct fetch *fetch, int64_t now_ms)
{
    bool has_moved = true;
    struct lane *lane;

    while (has_moved && fetch->n_flying < STORE_CONCURRENCY_TOTAL) {
        has_moved = false;
        TAILQ_FOREACH(lane, &fetch->lanes, link)
        if (fetch->n_flying < STORE_CONCURRENCY_TOTAL)
            has_moved |= lane_advance(fetch, lane, now_ms);
    }
    lane = TAILQ_FIRST(&fetch->lanes);
    if (lane) {
        TAILQ_REMOVE(&fetch->lanes, lane, link);
        TAILQ_INSERT_TAIL(&fetch->lanes, lane, link);
    }
}
