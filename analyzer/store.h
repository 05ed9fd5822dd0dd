/* analyzer/store.h -- the result store: canary configs, executions, their archive, metric sets and
 * their pairs.
 *
 * One writer thread owns every write and checkpoint and commits what has queued up in one
 * transaction (group commit); a writing call returns after that commit has reached the disk. Reads
 * go straight to the database on connections of their own. Any thread may call anything.
 *
 * `account` is the name of the storage or configuration account a request named: part of the key,
 * so that what was written under one name is not seen under another.
 *
 * Errors of all calls: ERR_STORAGE (reason result_store_failed), ERR_BUSY (store_busy, disk_low,
 * store_rollback_detected), ERR_IO (store_damaged, sync_failed: see store_failure()).
 */
#ifndef ANALYZER_STORE_H
#define ANALYZER_STORE_H

#include "base/arena.h"
#include "base/id.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct store;
struct log;

/* Open or create DATA_DIR/serinus.db, take DATA_DIR/serinus.db.lock, check what can be checked at
 * once, migrate, take back the leases of the process before. Every page is then checked behind the
 * caller's back, see store_failure().
 *
 * DATA_DIR/serinus.audit remembers how far the database had come. One that lacks what was
 * acknowledged (a log that is gone, an old copy put back) is opened for reading: every write and
 * store_check() answer ERR_BUSY, reason store_rollback_detected, until an operator has decided
 * (analyzer/store_admin.h).
 *
 * Errors: ERR_BUSY (another process holds the lock; its pid is named), ERR_PERMISSION, ERR_IO
 * (corrupt or unreadable: says what to do; nothing is changed). */
MUST_CHECK enum err_code store_open(const char *data_dir, struct log *log, struct store **out,
                                    struct error *err);
void store_close(struct store *store); /* commits what is queued; NULL is accepted */

/* --- canary configs --- */

struct stored_config {
    const char *account, *id, *name;
    const char *const *applications;
    size_t n_applications;
    int64_t updated_unix_ms;
    struct str json; /* as the user wrote it, with id and timestamps filled in */
};

/* Errors: ERR_CONFLICT with Kayenta's text: `Canary config '<id>' already exists.` or `Canary
 * config with name '<name>' already exists in the scope of applications [a, b].` */
MUST_CHECK enum err_code store_config_create(struct store *store,
                                             const struct stored_config *config, struct error *err);
/* Replace. ERR_NOT_FOUND when there is none, ERR_CONFLICT as above for another config's name. */
MUST_CHECK enum err_code store_config_update(struct store *store,
                                             const struct stored_config *config, struct error *err);
MUST_CHECK enum err_code store_config_delete(struct store *store, const char *account,
                                             const char *id, struct error *err);
MUST_CHECK enum err_code store_config_get(struct store *store, const char *account, const char *id,
                                          struct arena *arena, struct stored_config *out,
                                          struct error *err);
/* Ordered by name, then id. No applications: all. `json` is left empty. */
MUST_CHECK enum err_code store_config_list(struct store *store, const char *account,
                                           const char *const *applications, size_t n_applications,
                                           struct arena *arena, struct stored_config **out,
                                           size_t *n_out, struct error *err);

/* --- executions ---
 *
 * An execution that has not ended either waits for its due time or is being run by somebody, who
 * holds its lease. The lease decides who may write: each effect of running names it and fails with
 * ERR_CONFLICT, reason lease_lost, once another has taken the execution over. Keeping leases alive
 * is the store's own business. This one serves a single process: its leases last as long as it
 * does, and the next process takes over at once. */

enum execution_kind {
    EXECUTION_CANARY,     /* one judgement; those of an analysis are of this kind, too */
    EXECUTION_ANALYSIS,   /* a stand-alone analysis: a series of judgements */
    EXECUTION_COMPARISON, /* two judges on one list of pairs; stored once it has ended */
};

enum execution_state {
    EXECUTION_ACCEPTED, /* durable, not finished: what a restart goes on with */
    EXECUTION_SUCCEEDED,
    EXECUTION_FAILED,
    EXECUTION_CANCELLED,
};

/* Due times other than a moment. What need not wait has none, so that a clock that is set back does
 * not make it wait. */
#define DUE_AT_ONCE INT64_C(0)
#define DUE_NEVER INT64_MAX /* an analysis whose judgement runs: that one's end wakes it */

struct stored_execution {
    const char *id, *application, *account;
    const char *parent_id;               /* the analysis it is a judgement of, or "" */
    const char *config_id, *config_name; /* "" when there is none */
    enum execution_kind kind;
    enum execution_state state;
    int64_t created_unix_ms, ended_unix_ms; /* ended: 0 until it has */
    int64_t due_unix_ms;                    /* when it may be taken up; means nothing once ended */
    unsigned n_steps;                       /* of an analysis: judgements begun */
    const char *verdict;   /* "pass", "marginal", "fail", "nodata", "invalid"; "" without one */
    double score;          /* NaN without one */
    struct str submission; /* JSON: all that is needed to run it, frozen at acceptance */
    struct str body;       /* JSON: the answer to a status read; empty for a canary that runs */
};

struct lease {
    char nonce[UUID_BYTES];
};

/* A client's mark on a request, so that sending it again starts nothing new. Kept for a day. */
struct idempotency {
    const char *scope, *key;  /* who asked for what; his name for it */
    unsigned char digest[32]; /* SHA-256 of the request */
};

struct acceptance {
    struct stored_execution execution; /* `state` is usually EXECUTION_ACCEPTED; one that is over as
                                          soon as it begins is stored as such */
    const struct idempotency *idempotency; /* or NULL */
    bool is_claimed;                       /* the caller runs it at once and gets its lease */
    /* For a judgement of an analysis: the analysis' lease, which is given back. In the same
     * transaction the analysis counts one step more, gets this body, and becomes due when the
     * judgement ends. */
    const struct lease *parent_lease;
    struct str parent_body;
};

/* Durable on return. *out_id is the execution's id, or, for a request that was accepted before, the
 * id it was given then (*out_lease is empty in that case). An execution with a parent always has
 * its place in the queue.
 * Errors: ERR_BUSY queue_full: too many have not ended, in all or of this application.
 *         ERR_CONFLICT: id_taken; lease_lost: the parent has ended or is another's.
 *         ERR_INVALID idempotency_mismatch: the key was used for another request. */
MUST_CHECK enum err_code store_execution_accept(struct store *store,
                                                const struct acceptance *acceptance,
                                                struct arena *arena, const char **out_id,
                                                struct lease *out_lease, struct error *err);

struct claim {
    struct stored_execution execution; /* its body is empty */
    struct lease lease;
    unsigned n_crashes; /* times a process died running it since it last made progress */
};

#define STORE_SUSPECT_CRASHES 2

/* Take up to `limit` executions that are due and nobody's, of those that were due at a time and of
 * those due at once the longest waiting first. Of those with STORE_SUSPECT_CRASHES or more, one is
 * out at a time, and only once the process has lived for a while, the longer the more crashes (up
 * to 4 s): so only the one to blame goes on collecting them. It may be that something is due and
 * nothing can be had. */
MUST_CHECK enum err_code store_execution_claim(struct store *store, size_t limit,
                                               struct arena *arena, struct claim **out,
                                               size_t *n_out, struct error *err);
/* When the next one that is nobody's comes due, or DUE_NEVER. */
MUST_CHECK enum err_code store_execution_next_due(struct store *store, int64_t *out_unix_ms,
                                                  struct error *err);
/* Give it back until it is due, with a new body unless that is empty. Progress: its crashes are
 * forgotten. */
MUST_CHECK enum err_code store_execution_release(struct store *store, const char *id,
                                                 const struct lease *lease, int64_t due_unix_ms,
                                                 struct str body, struct error *err);

/* Everything that is out: this process is about to go, which counts as no crash. store_close() does
 * it, too. */
MUST_CHECK enum err_code store_leases_give_back(struct store *store, struct error *err);

/* One query's metric sets, kept until the execution ends so that it need not be asked again. */
struct stored_sample {
    unsigned metric_index;
    int side; /* enum side */
    struct str payload;
};

/* Progress, as above. A sample that is there already stays. */
MUST_CHECK enum err_code store_samples_put(struct store *store, const char *execution_id,
                                           const struct lease *lease,
                                           const struct stored_sample *samples, size_t n_samples,
                                           struct error *err);
MUST_CHECK enum err_code store_samples_get(struct store *store, const char *execution_id,
                                           struct arena *arena, struct stored_sample **out,
                                           size_t *n_out, struct error *err);

/* Several lists of series, as protobuf (proto/canary/v1/metric_set.proto). */
enum series_kind { SERIES_METRIC_SETS, SERIES_METRIC_SET_PAIRS };

struct stored_series {
    enum series_kind kind;
    const char *account, *id;
    int64_t updated_unix_ms;
    struct str payload;
};

/* Something to be told to one sink; told at least once, always under the same event id. */
struct stored_notification {
    const char *event_id, *sink;
    struct str body;
};

struct ending {
    const struct stored_execution *execution; /* id, state, ended_unix_ms, verdict, score, body */
    const struct lease *lease;                /* NULL: whoever runs it, as a cancel does */
    const struct stored_series *series;
    size_t n_series;
    const struct stored_notification *notifications;
    size_t n_notifications;
};

/* The end of an execution with all that comes of it, in one transaction; its samples go, and the
 * analysis it belongs to becomes due.
 * Errors: ERR_CONFLICT: already_ended, and it keeps that end; lease_lost. ERR_NOT_FOUND. */
MUST_CHECK enum err_code store_execution_finish(struct store *store, const struct ending *ending,
                                                struct error *err);
/* ERR_NOT_FOUND when there is none. */
MUST_CHECK enum err_code store_execution_get(struct store *store, const char *id,
                                             struct arena *arena, struct stored_execution *out,
                                             struct error *err);

/* Where a list goes on: behind this execution. */
struct execution_cursor {
    int64_t created_unix_ms;
    const char *id; /* NULL: from the first */
};

struct execution_filter {
    unsigned kinds;  /* bit (1u << kind); 0: any */
    unsigned states; /* bit (1u << state); 0: any */
    /* NULL: any */
    const char *application, *config_id, *verdict, *parent_id;
    int64_t created_from_unix_ms, created_before_unix_ms; /* 0: no bound */
    struct execution_cursor after;
    size_t limit, offset;
    bool is_brief; /* leave submission and body out */
};
/* Newest first by creation, then id. */
MUST_CHECK enum err_code store_execution_list(struct store *store,
                                              const struct execution_filter *filter,
                                              struct arena *arena, struct stored_execution **out,
                                              size_t *n_out, struct error *err);

/* One line of a list of what is stored. */
struct stored_entry {
    const char *id;
    int64_t updated_unix_ms;
};

struct entry_page {
    size_t limit, offset;
};

/* The ids of all executions of any kind, newest first by creation. */
MUST_CHECK enum err_code store_execution_ids(struct store *store, struct entry_page page,
                                             struct arena *arena, struct stored_entry **out,
                                             size_t *n_out, struct error *err);
/* Forget an execution that has ended; what it has archived stays. Errors: ERR_NOT_FOUND;
 * ERR_CONFLICT when it has not ended. */
MUST_CHECK enum err_code store_execution_delete(struct store *store, const char *id,
                                                struct error *err);

/* --- the archive: the answer of every canary that has ended, and what clients put there ---
 *
 * An execution's own entry costs nothing: it is its row. What a client puts under the same id
 * stands in front of it. */

struct stored_archive {
    const char *account, *id;
    int64_t updated_unix_ms;
    struct str body; /* JSON */
};

/* ERR_CONFLICT when the id is taken. */
MUST_CHECK enum err_code
store_archive_create(struct store *store, const struct stored_archive *entry, struct error *err);
/* ERR_NOT_FOUND when there is none; so do the next two. */
MUST_CHECK enum err_code
store_archive_update(struct store *store, const struct stored_archive *entry, struct error *err);
MUST_CHECK enum err_code store_archive_delete(struct store *store, const char *account,
                                              const char *id, struct error *err);
MUST_CHECK enum err_code store_archive_get(struct store *store, const char *account, const char *id,
                                           struct arena *arena, struct str *out_body,
                                           struct error *err);
/* Latest change first, then id. */
MUST_CHECK enum err_code store_archive_list(struct store *store, const char *account,
                                            struct entry_page page, struct arena *arena,
                                            struct stored_entry **out, size_t *n_out,
                                            struct error *err);

/* --- series --- */

MUST_CHECK enum err_code store_series_put(struct store *store, const struct stored_series *series,
                                          struct error *err);
MUST_CHECK enum err_code store_series_get(struct store *store, enum series_kind kind,
                                          const char *account, const char *id, struct arena *arena,
                                          struct stored_series *out, struct error *err);

/* ERR_NOT_FOUND when there is none. */
MUST_CHECK enum err_code store_series_delete(struct store *store, enum series_kind kind,
                                             const char *account, const char *id,
                                             struct error *err);
/* Latest change first, then id. */
MUST_CHECK enum err_code store_series_list(struct store *store, enum series_kind kind,
                                           const char *account, struct entry_page page,
                                           struct arena *arena, struct stored_entry **out,
                                           size_t *n_out, struct error *err);

/* --- the outbox: notifications that have not been delivered --- */

struct outbox_entry {
    struct stored_notification notification;
    const char *execution_id;
    int64_t created_unix_ms, due_unix_ms;
    unsigned n_attempts;
};

/* What is kept for one sink. */
struct outbox_sink {
    const char *sink;
    int64_t next_due_unix_ms; /* when the first of it is due */
};

/* Every sink that something is kept for, by name. */
MUST_CHECK enum err_code store_outbox_sinks(struct store *store, struct arena *arena,
                                            struct outbox_sink **out, size_t *n_out,
                                            struct error *err);
/* Of one sink, what is due, the oldest first by creation, then event id: one that does not answer
 * must not stand in front of the others. */
MUST_CHECK enum err_code store_outbox_due(struct store *store, const char *sink, size_t limit,
                                          struct arena *arena, struct outbox_entry **out,
                                          size_t *n_out, struct error *err);
/* One attempt more; not again before `due_unix_ms`. */
MUST_CHECK enum err_code store_outbox_defer(struct store *store, const char *event_id,
                                            const char *sink, int64_t due_unix_ms,
                                            struct error *err);
/* Delivered, or given up. */
MUST_CHECK enum err_code store_outbox_remove(struct store *store, const char *event_id,
                                             const char *sink, struct error *err);

/* What the writer has done so far, for /metrics and the benchmark. */
struct store_counters {
    uint64_t commits, writes, fsyncs, errors;
    uint64_t queued;
    uint64_t unfinished; /* executions that have not ended */
};
struct store_counters store_counters_read(struct store *store);

/* Can it be written to? For readiness. */
MUST_CHECK enum err_code store_check(struct store *store, struct error *err);

/* Has it found, while running, that it must not go on: damage (reason store_damaged), or a disk
 * that lost what it was told to keep (sync_failed)? ERR_IO with what to do: the service should end
 * and say so. Cheap; nothing is written from then on. */
MUST_CHECK enum err_code store_failure(struct store *store, struct error *err);

#endif
