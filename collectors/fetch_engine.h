/* collectors/fetch_engine.h -- what the files of the fetch engine share. Not for anyone else.
 *
 *   inbox -> asker -> question -> turn of its application -> flying -> end of all its askers
 *                                  ^                          |
 *                                  +-------- resting <--------+  a failure worth another try
 *
 * An asker is one transfer. It joins a question that asks the same, or has one of its own. A lane
 * is an account; in it each application has a turn. Everything here belongs to the engine's thread
 * and needs no lock, but the fields that say otherwise. */
#ifndef COLLECTORS_FETCH_ENGINE_H
#define COLLECTORS_FETCH_ENGINE_H

#include "base/limits.h"
#include "collectors/fetch.h"
#include "collectors/fetch_cache.h"
#include "collectors/fetch_try.h"
#include "collectors/token_keeper.h"
#include <pthread.h>
#include <sys/queue.h>

#define QUESTION_SLOTS 1024u

struct asker {
    TAILQ_ENTRY(asker) link; /* the inbox, then its question */
    struct fetch_transfer *transfer;
    struct fetch_key key; /* unless transfer->window_end_unix_ms is 0 */
    int64_t submitted_ms, deadline_ms;
    int n_tries_before; /* of the question, that do not count for it; < 0: some more do */
};

TAILQ_HEAD(asker_list, asker);

enum phase { PHASE_NOWHERE, PHASE_QUEUED, PHASE_FLYING, PHASE_RESTING };

struct question {
    TAILQ_ENTRY(question) queue_link; /* its turn's queue, or the resting ones */
    TAILQ_ENTRY(question) all_link;
    LIST_ENTRY(question) slot_link; /* of those that can be joined */
    bool can_be_joined;
    struct fetch_key key;     /* when it can */
    struct asker_list askers; /* in the order they came; never empty */
    struct lane *lane;
    struct turn *turn;
    enum phase phase;
    struct fetch_try try; /* for the account and the request of the first asker */
    int n_tries;
    struct error error;        /* why the last try failed, if that left no reply */
    struct fetch_reply *reply; /* of the last try, once somebody got it */
    bool has_new_token;        /* the store refused one; it gets no third */
    int64_t due_ms;            /* resting: when to go on */
    int64_t started_ms;        /* flying: since when */
    int64_t sent_unix_ms;
    int64_t mark_ms; /* flying: start of the stretch in which speed is measured; 0: no byte yet */
    size_t mark_bytes;
};

TAILQ_HEAD(question_queue, question);

/* An application that has something queued or flying in a lane. */
struct turn {
    TAILQ_ENTRY(turn) link;
    char *application;
    struct question_queue queue;
    unsigned n_questions, n_flying;
};

struct lane {
    TAILQ_ENTRY(lane) link;
    char *name, *base_url;    /* own copies: a reload replaces the account, not its store */
    TAILQ_HEAD(, turn) turns; /* the one served last at the end */
    unsigned n_flying;
    unsigned n_failures; /* in a row */
    int64_t next_probe_ms;
    int64_t resume_ms;     /* the store asked for a rest until then */
    int64_t slow_until_ms; /* the store was asked too much: half as many at once until then */
    struct error last_error;
    struct token_keeper *tokens; /* NULL until its account needs one */
    int64_t clock_offset_s; /* of the store's clock from ours, once it has refused a signature */
};

struct fetch {
    struct log *log;
    pthread_t thread;
    CURLM *multi;
    struct fetch_cache *cache; /* any thread */

    pthread_mutex_t lock; /* guards inbox, is_stopping and has_left */
    struct asker_list inbox;
    bool is_stopping;
    bool has_left; /* the thread will not look at the inbox again */

    atomic_uint_fast64_t n_requests, n_retries, n_errors, n_bytes, n_shared, n_cached;
    atomic_uint_fast64_t n_flying_now, n_waiting_now;

    TAILQ_HEAD(, lane) lanes; /* rotated, so that all get their turn */
    struct question_queue all;
    struct question_queue resting; /* by due time */
    LIST_HEAD(, question) joinable[QUESTION_SLOTS];
    CURL *idle_handles[STORE_CONCURRENCY_TOTAL];
    size_t n_idle_handles;
    unsigned n_flying;
    int64_t next_sweep_ms;
};

/* --- fetch_question.c: who asks, and how it ends --- */

/* Let it join a question that asks the same, or queue one of its own. */
void asker_take_in(struct fetch *fetch, struct asker *asker);

/* Put into its turn's queue. */
void question_enqueue(struct question *question);
/* Out of the queue it is in, or down from its flight. */
void question_pull_out(struct fetch *fetch, struct question *question);
/* About to fly, and in no queue: those queued that ask the same join it, or it joins one that flies
 * already. True: it did, and is gone. */
bool question_merge(struct fetch *fetch, struct question *question);
/* The end of all its askers, with its error or else the reply. It is in no queue; frees it. */
void question_end(struct fetch *fetch, struct question *question);
void question_end_with(struct fetch *fetch, struct question *question, enum err_code code,
                       const char *reason, const char *message);
/* The end of those askers who were cancelled or are past their deadline. False: those were all, and
 * the question is gone. */
bool question_sweep(struct fetch *fetch, struct question *question, int64_t now_ms);
/* One more failed try: wait for the next one, or give up with what is known. */
void question_try_again(struct fetch *fetch, struct question *question, int64_t asked_ms);
/* The try ended without a usable reply. */
void question_try_failed(struct fetch *fetch, struct question *question, enum err_code code,
                         const char *reason, const char *why);
int64_t question_deadline_ms(const struct question *question); /* the latest of its askers */
void questions_wake(struct fetch *fetch, int64_t now_ms);      /* those that have rested */

/* --- fetch_lane.c: who goes next --- */

struct lane *lane_find(struct fetch *fetch, const struct account *account);
void lane_free(struct lane *lane);
struct turn *lane_turn(struct lane *lane, const char *application); /* counts one question more */
void lane_turn_leave(struct lane *lane, struct turn *turn);         /* and one less */
void lane_failed(struct fetch *fetch, struct lane *lane, const struct error *err, int64_t now_ms);
void lane_throttled(struct fetch *fetch, struct lane *lane, int64_t now_ms); /* asked too much */
void lane_answered(struct fetch *fetch, struct lane *lane);
void lanes_dispatch(struct fetch *fetch, int64_t now_ms);

/* --- fetch_flight.c: on its way --- */

void flight_begin_try(struct fetch *fetch, struct question *question);
void flight_land(struct fetch *fetch, struct question *question);
unsigned flights_finish(struct fetch *fetch); /* returns how many landed */
const char *flight_too_slow(struct question *question, int64_t now_ms); /* NULL: it is not */

#endif
