/* A question is one request, asked for as long as somebody wants to know: its askers come and go,
 * each with its own deadline, cancellation and number of tries. */
#include "collectors/fetch_engine.h"

#include "base/clock.h"
#include "base/id.h"
#include "collectors/retry.h"

#include <stdlib.h>
#include <string.h>

static bool is_same_application(const struct question *question, const char *application)
{
    return strcmp(question->turn->application, application ? application : "") == 0;
}

/* --- ends --- */

static int n_tries(const struct question *question, const struct asker *asker)
{
    return question->n_tries - asker->n_tries_before;
}

/* Frees the asker. `error` has no code: with the reply. */
static void asker_end(struct fetch *fetch, struct asker *asker, int n_tries_made,
                      const struct error *error, struct fetch_reply *reply)
{
    struct fetch_transfer *transfer = asker->transfer;

    transfer->error = *error;
    if (error->code) {
        atomic_fetch_add(&fetch->n_errors, 1);
    } else {
        transfer->reply = fetch_reply_hold(reply);
        transfer->response = reply->response;
    }
    transfer->attempts = (unsigned)n_tries_made;
    transfer->duration_ms = clock_mono_ms() - asker->submitted_ms;
    free(asker);
    transfer->done(transfer);
}

static void question_free(struct fetch *fetch, struct question *question)
{
    TAILQ_REMOVE(&fetch->all, question, all_link);
    if (question->can_be_joined)
        LIST_REMOVE(question, slot_link);
    lane_turn_leave(question->lane, question->turn);
    fetch_reply_release(question->reply);
    fetch_try_clear(&question->try);
    free(question);
}

static struct fetch_reply *reply_of(struct question *question)
{
    struct http_response response = {0};

    if (question->reply)
        return question->reply;
    fetch_try_take_reply(&question->try, &response);
    question->reply = fetch_reply_create(&response);
    if (question->can_be_joined && response.status >= 200 && response.status < 300) {
        question->reply->key = question->key;
        question->reply->sent_unix_ms = question->sent_unix_ms;
    }
    return question->reply;
}

void question_end(struct fetch *fetch, struct question *question)
{
    struct asker_list askers = TAILQ_HEAD_INITIALIZER(askers);
    struct error error = question->error;
    struct fetch_reply *reply = error.code ? NULL : fetch_reply_hold(reply_of(question));
    int n_made = question->n_tries;
    struct asker *asker;

    TAILQ_CONCAT(&askers, &question->askers, link);
    question_free(fetch, question);
    while ((asker = TAILQ_FIRST(&askers))) {
        TAILQ_REMOVE(&askers, asker, link);
        asker_end(fetch, asker, n_made - asker->n_tries_before, &error, reply);
    }
    fetch_reply_release(reply);
}

void question_end_with(struct fetch *fetch, struct question *question, enum err_code code,
                       const char *reason, const char *message)
{
    question->error = (struct error){0};
    error_because(&question->error, code, reason, "%s", message);
    question_end(fetch, question);
}

/* One asker leaves with this error, or with the reply if it has no code. False: it was the last
 * one, and the question is gone. */
static bool leave(struct fetch *fetch, struct question *question, struct asker *asker,
                  struct error error)
{
    struct fetch_reply *reply = error.code ? NULL : fetch_reply_hold(reply_of(question));
    int n_made = n_tries(question, asker);
    struct asker *first;

    TAILQ_REMOVE(&question->askers, asker, link);
    first = TAILQ_FIRST(&question->askers);
    if (first) {
        question->try.account = first->transfer->account;
        question->try.request = first->transfer->request;
    } else {
        question_pull_out(fetch, question);
        question_free(fetch, question);
    }
    asker_end(fetch, asker, n_made, &error, reply);
    fetch_reply_release(reply);
    return first;
}

/* With what the last try brought: the store's own answer says most. */
static bool leave_as_known(struct fetch *fetch, struct question *question, struct asker *asker)
{
    struct error none = {0};

    return leave(fetch, question, asker, question->try.status ? none : question->error);
}

bool question_sweep(struct fetch *fetch, struct question *question, int64_t now_ms)
{
    bool is_known =
        question->phase != PHASE_FLYING && (question->try.status || question->error.code);
    struct asker *next;
    bool is_left = true;

    for (struct asker *asker = TAILQ_FIRST(&question->askers); asker && is_left; asker = next) {
        const struct fetch_transfer *transfer = asker->transfer;
        struct error error = {0};

        next = TAILQ_NEXT(asker, link);
        if (transfer->is_cancelled && atomic_load(transfer->is_cancelled)) {
            error_set(&error, ERR_CANCELLED, "the request was cancelled");
            is_left = leave(fetch, question, asker, error);
        } else if (now_ms >= asker->deadline_ms && is_known) {
            is_left = leave_as_known(fetch, question, asker);
        } else if (now_ms >= asker->deadline_ms) {
            error_because(&error, ERR_TIMEOUT, "store_unavailable",
                          "could not get a reply in the time given");
            is_left = leave(fetch, question, asker, error);
        }
    }
    return is_left;
}

/* --- queues --- */

void question_enqueue(struct question *question)
{
    question->phase = PHASE_QUEUED;
    TAILQ_INSERT_TAIL(&question->turn->queue, question, queue_link);
}

void question_pull_out(struct fetch *fetch, struct question *question)
{
    switch (question->phase) {
    case PHASE_QUEUED:
        TAILQ_REMOVE(&question->turn->queue, question, queue_link);
        break;
    case PHASE_RESTING:
        TAILQ_REMOVE(&fetch->resting, question, queue_link);
        break;
    case PHASE_FLYING:
        flight_land(fetch, question);
        break;
    case PHASE_NOWHERE:
        break;
    }
    question->phase = PHASE_NOWHERE;
}

static void rest(struct fetch *fetch, struct question *question, int64_t due_ms)
{
    struct question *before = TAILQ_LAST(&fetch->resting, question_queue);

    question->phase = PHASE_RESTING;
    question->due_ms = due_ms;
    while (before && before->due_ms > due_ms)
        before = TAILQ_PREV(before, question_queue, queue_link);
    if (before)
        TAILQ_INSERT_AFTER(&fetch->resting, before, question, queue_link);
    else
        TAILQ_INSERT_HEAD(&fetch->resting, question, queue_link);
}

void questions_wake(struct fetch *fetch, int64_t now_ms)
{
    struct question *question;

    while ((question = TAILQ_FIRST(&fetch->resting)) && question->due_ms <= now_ms) {
        TAILQ_REMOVE(&fetch->resting, question, queue_link);
        question_enqueue(question);
    }
}

int64_t question_deadline_ms(const struct question *question)
{
    const struct asker *asker;
    int64_t latest_ms = 0;

    TAILQ_FOREACH(asker, &question->askers, link)
    latest_ms = asker->deadline_ms > latest_ms ? asker->deadline_ms : latest_ms;
    return latest_ms;
}

/* --- joining --- */

/* A flight under way is joined with the try it is. */
static int n_tries_passed(const struct question *question)
{
    return question->n_tries - (question->phase == PHASE_FLYING);
}

/* One that rests is not joined: what failed a while ago may work at once. One that another
 * application has queued is not, either: its place says nothing about ours. */
static struct question *find_same(struct fetch *fetch, const struct fetch_key *key,
                                  const char *application)
{
    struct question *question;

    LIST_FOREACH(question, &fetch->joinable[fetch_key_slot(key, QUESTION_SLOTS)], slot_link)
    if (fetch_key_equal(&question->key, key) &&
        (question->phase == PHASE_FLYING ||
         (question->phase == PHASE_QUEUED && is_same_application(question, application))))
        return question;
    return NULL;
}

void asker_take_in(struct fetch *fetch, struct asker *asker)
{
    const struct fetch_transfer *transfer = asker->transfer;
    bool can_join = transfer->window_end_unix_ms != 0;
    struct question *question =
        can_join ? find_same(fetch, &asker->key, transfer->application) : NULL;

    if (question) {
        asker->n_tries_before = n_tries_passed(question);
        TAILQ_INSERT_TAIL(&question->askers, asker, link);
        atomic_fetch_add(&fetch->n_shared, 1);
        return;
    }
    question = mem_alloc(1, sizeof(*question));
    TAILQ_INIT(&question->askers);
    TAILQ_INSERT_TAIL(&question->askers, asker, link);
    question->try.account = transfer->account;
    question->try.request = transfer->request;
    question->lane = lane_find(fetch, transfer->account);
    question->turn = lane_turn(question->lane, transfer->application);
    question->can_be_joined = can_join;
    if (can_join) {
        question->key = asker->key;
        LIST_INSERT_HEAD(&fetch->joinable[fetch_key_slot(&question->key, QUESTION_SLOTS)], question,
                         slot_link);
    }
    TAILQ_INSERT_TAIL(&fetch->all, question, all_link);
    question_enqueue(question);
}

/* Each asker's tries so far go with it. */
static void hand_over(struct fetch *fetch, struct question *from, struct question *to)
{
    struct asker *asker;

    TAILQ_FOREACH(asker, &from->askers, link)
    {
        asker->n_tries_before = n_tries_passed(to) - n_tries(from, asker);
        atomic_fetch_add(&fetch->n_shared, 1);
    }
    TAILQ_CONCAT(&to->askers, &from->askers, link);
    question_free(fetch, from);
}

bool question_merge(struct fetch *fetch, struct question *question)
{
    struct question *other, *next;

    if (!question->can_be_joined)
        return false;
    other = LIST_FIRST(&fetch->joinable[fetch_key_slot(&question->key, QUESTION_SLOTS)]);
    for (; other; other = next) {
        next = LIST_NEXT(other, slot_link);
        if (other == question || !fetch_key_equal(&other->key, &question->key))
            continue;
        if (other->phase == PHASE_FLYING) {
            hand_over(fetch, question, other);
            return true;
        }
        if (other->phase == PHASE_QUEUED) {
            question_pull_out(fetch, other);
            hand_over(fetch, other, question);
        }
    }
    return false;
}

/* --- failed tries --- */

static double random_ratio(void)
{
    uint32_t bits;

    id_random(&bits, sizeof(bits));
    return (double)bits / (double)UINT32_MAX;
}

void question_try_again(struct fetch *fetch, struct question *question, int64_t asked_ms)
{
    const struct retry_policy policy = question->try.account->retry;
    int fewest = question->n_tries;
    struct asker *asker, *next;
    int64_t due_ms;

    TAILQ_FOREACH(asker, &question->askers, link)
    if (n_tries(question, asker) < fewest)
        fewest = n_tries(question, asker);
    due_ms = clock_mono_ms() +
             retry_wait_ms(&policy, (unsigned)(fewest > 1 ? fewest : 1), random_ratio(), asked_ms);
    question->phase = PHASE_NOWHERE;
    for (asker = TAILQ_FIRST(&question->askers); asker; asker = next) {
        next = TAILQ_NEXT(asker, link);
        if ((n_tries(question, asker) >= (int)policy.attempts || due_ms >= asker->deadline_ms) &&
            !leave_as_known(fetch, question, asker))
            return;
    }
    atomic_fetch_add(&fetch->n_retries, 1);
    rest(fetch, question, due_ms);
}

void question_try_failed(struct fetch *fetch, struct question *question, enum err_code code,
                         const char *reason, const char *why)
{
    const struct account *account = question->try.account;
    struct error *err = &question->error;

    *err = (struct error){0};
    fetch_try_forget_reply(&question->try);
    if (account->is_sink) {
        error_because(err, code, reason, "%s", why);
    } else {
        error_because(err, code, reason, "could not query the metric store (try %d of %u): %s",
                      n_tries(question, TAILQ_FIRST(&question->askers)), account->retry.attempts,
                      why);
        lane_failed(fetch, question->lane, err, clock_mono_ms());
    }
    question_try_again(fetch, question, 0);
}
