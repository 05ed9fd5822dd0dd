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
 * Errors of all calls: ERR_STORAGE (reason result_store_failed), ERR_BUSY (store_busy, disk_low).
 */
#ifndef ANALYZER_STORE_H
#define ANALYZER_STORE_H

#include "base/arena.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct store;
struct log;

/* Open or create DATA_DIR/serinus.db, take DATA_DIR/serinus.db.lock, migrate, check.
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

/* --- executions --- */

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

struct stored_execution {
    const char *id, *application, *account;
    enum execution_kind kind;
    enum execution_state state;
    int64_t created_unix_ms, ended_unix_ms; /* ended: 0 until it has */
    struct str submission; /* JSON: all that is needed to run it, frozen at acceptance */
    struct str body;       /* JSON: the answer to a status read once it has ended, else empty */
};

/* Several lists of series, as protobuf (proto/canary/v1/metric_set.proto). */
enum series_kind { SERIES_METRIC_SETS, SERIES_METRIC_SET_PAIRS };

struct stored_series {
    enum series_kind kind;
    const char *account, *id;
    int64_t updated_unix_ms;
    struct str payload;
};

/* Usually EXECUTION_ACCEPTED; one that is over as soon as it begins is stored as such. */
MUST_CHECK enum err_code store_execution_accept(struct store *store,
                                                const struct stored_execution *execution,
                                                struct error *err);
/* The end of an execution and its series, in one transaction. An execution that has already ended
 * keeps its first end: ERR_CONFLICT. */
MUST_CHECK enum err_code store_execution_finish(struct store *store,
                                                const struct stored_execution *execution,
                                                const struct stored_series *series, size_t n_series,
                                                struct error *err);
/* ERR_NOT_FOUND when there is none. */
MUST_CHECK enum err_code store_execution_get(struct store *store, const char *id,
                                             struct arena *arena, struct stored_execution *out,
                                             struct error *err);

struct execution_filter {
    enum execution_kind kind;
    const char *application; /* NULL: any */
    unsigned states;         /* bit (1u << state); 0: any */
    size_t limit, offset;
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

/* What the writer has done so far, for /metrics and the benchmark. */
struct store_counters {
    uint64_t commits, writes, fsyncs, errors;
    uint64_t queued;
};
struct store_counters store_counters_read(struct store *store);

/* Can it be written to? For readiness. */
MUST_CHECK enum err_code store_check(struct store *store, struct error *err);

#endif
