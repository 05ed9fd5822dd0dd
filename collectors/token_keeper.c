#include "collectors/token_keeper.h"

#include "base/clock.h"
#include "base/instant.h"
#include "collectors/token.h"

#include <stdlib.h>
#include <string.h>

#define REFRESH_AHEAD_MS 300000 /* before the token ends, or half of its life if that is less */
#define FAILURE_PAUSE_MS 10000  /* a broken endpoint is not asked for every query */
#define GRANT_DEADLINE_MS 60000 /* one request, tries included */

struct token_keeper {
    struct fetch *fetch;
    const struct token_source *source; /* the token is of */
    char *text;                        /* NULL: none */
    int64_t refresh_ms, end_ms;        /* monotonic */
    struct error error;                /* why there is none */
    int64_t pause_end_ms;

    /* while one is on its way */
    bool is_asking, is_outdated; /* outdated: what comes is of no use any more */
    struct arena *arena;
    struct token_grant grant;
    struct fetch_transfer transfer;
};

struct token_keeper *token_keeper_create(struct fetch *fetch)
{
    struct token_keeper *keeper = mem_alloc(1, sizeof(*keeper));

    keeper->fetch = fetch;
    return keeper;
}

static void forget(struct token_keeper *keeper)
{
    if (keeper->text)
        explicit_bzero(keeper->text, strlen(keeper->text));
    free(keeper->text);
    keeper->text = NULL;
}

void token_keeper_free(struct token_keeper *keeper)
{
    if (!keeper)
        return;
    forget(keeper);
    arena_free(keeper->arena);
    free(keeper);
}

static void grant_ended(struct token_keeper *keeper, const struct error *err)
{
    int64_t now_ms = clock_mono_ms();

    if (keeper->is_outdated) {
        keeper->pause_end_ms = 0;
    } else if (err->code) {
        keeper->error = *err;
        keeper->pause_end_ms = now_ms + FAILURE_PAUSE_MS;
    } else {
        int64_t life_ms = keeper->grant.lifetime_s * MS_PER_S;
        int64_t ahead_ms = life_ms / 2 < REFRESH_AHEAD_MS ? life_ms / 2 : REFRESH_AHEAD_MS;

        forget(keeper);
        keeper->text = mem_strdup(keeper->grant.token);
        keeper->end_ms = now_ms + life_ms;
        keeper->refresh_ms = keeper->end_ms - ahead_ms;
    }
    keeper->is_asking = false;
    arena_free(keeper->arena);
    keeper->arena = NULL;
}

static void send_request(struct token_keeper *keeper);

/* On the fetch thread. */
static void transfer_done(struct fetch_transfer *transfer)
{
    struct token_keeper *keeper = transfer->ctx;
    struct error err = {0};

    if (transfer->error.code == ERR_CANCELLED)
        err = transfer->error;
    else if (transfer->error.code)
        error_because(&err, ERR_UPSTREAM, "store_auth_failed", "could not sign in: %s%s",
                      transfer->error.message, keeper->grant.hint ? keeper->grant.hint : "");
    else
        (void)(token_grant_answer(&keeper->grant, &transfer->response, clock_wall_ms() / MS_PER_S,
                                  &err) == ERR_OK);
    fetch_transfer_clear(transfer);
    if (err.code || keeper->grant.is_done)
        grant_ended(keeper, &err);
    else
        send_request(keeper);
}

static void send_request(struct token_keeper *keeper)
{
    keeper->transfer = (struct fetch_transfer){
        .account = &keeper->grant.account,
        .request = &keeper->grant.request,
        .deadline_mono_ms = clock_mono_ms() + GRANT_DEADLINE_MS,
        .done = transfer_done,
        .ctx = keeper,
    };
    fetch_submit(keeper->fetch, &keeper->transfer);
}

static void ask(struct token_keeper *keeper)
{
    struct error err = {0};

    keeper->arena = arena_create();
    keeper->is_asking = true;
    keeper->is_outdated = false;
    if (token_grant_begin(keeper->source, clock_wall_ms() / MS_PER_S, keeper->arena, &keeper->grant,
                          &err) ||
        keeper->grant.is_done) /* all it took was here */
        grant_ended(keeper, &err);
    else
        send_request(keeper);
}

enum token_state token_keeper_look(struct token_keeper *keeper, const struct account *account,
                                   int64_t now_mono_ms)
{
    if (keeper->source != account->token) { /* the account was configured anew */
        forget(keeper);
        keeper->source = account->token;
        keeper->pause_end_ms = 0;
        keeper->is_outdated = true;
    }
    if ((!keeper->text || now_mono_ms >= keeper->refresh_ms) && !keeper->is_asking &&
        now_mono_ms >= keeper->pause_end_ms)
        ask(keeper);
    if (keeper->text && now_mono_ms < keeper->end_ms)
        return TOKEN_READY;
    return keeper->is_asking ? TOKEN_PENDING : TOKEN_REFUSED;
}

const char *token_keeper_text(const struct token_keeper *keeper)
{
    return keeper->text;
}

const struct error *token_keeper_error(const struct token_keeper *keeper)
{
    return &keeper->error;
}

void token_keeper_drop(struct token_keeper *keeper, const char *text)
{
    if (keeper->text && strcmp(keeper->text, text) == 0)
        forget(keeper);
}
