/* analyzer/store_sqlite_sql.h -- names of the fixed statements; the texts are in
 * store_sqlite_sql.c. */
#ifndef ANALYZER_STORE_SQLITE_SQL_H
#define ANALYZER_STORE_SQLITE_SQL_H

enum sqlite_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_SAVEPOINT_UNDO,
    SQL_SAVEPOINT_KEEP,
    SQL_CONFIG_EXISTS,
    SQL_CONFIG_NAMESAKES,
    SQL_CONFIG_INSERT,
    SQL_CONFIG_UPDATE,
    SQL_CONFIG_DELETE,
    SQL_CONFIG_APPLICATIONS_DELETE,
    SQL_CONFIG_APPLICATION_INSERT,
    SQL_CONFIG_GET,
    SQL_CONFIG_LIST,
    SQL_IDEMPOTENCY_GET,
    SQL_IDEMPOTENCY_PUT,
    SQL_IDEMPOTENCY_PURGE,
    SQL_UNENDED_COUNT,
    SQL_UNENDED_COUNT_ALL,
    SQL_UNENDED_COUNT_APPLICATION,
    SQL_EXECUTION_INSERT,
    SQL_EXECUTION_SUBMIT,
    SQL_EXECUTION_ANSWER,
    SQL_EXECUTION_STEP,
    SQL_EXECUTION_RELEASE,
    SQL_EXECUTION_PROGRESS,
    SQL_EXECUTION_CLAIM,
    SQL_EXECUTION_NEXT_DUE,
    SQL_EXECUTION_DUE,
    SQL_LEASES_VOID,
    SQL_EXECUTION_FINISH,
    SQL_EXECUTION_WAKE,
    SQL_EXECUTION_STATE,
    SQL_EXECUTION_GET,
    SQL_EXECUTION_IDS,
    SQL_EXECUTION_HIDE,
    SQL_EXECUTION_UNARCHIVE,
    SQL_EXECUTION_PURGE,
    SQL_SAMPLE_PUT,
    SQL_SAMPLES_GET,
    SQL_SAMPLES_DELETE,
    SQL_ARCHIVE_PUT,
    SQL_ARCHIVE_DELETE,
    SQL_ARCHIVE_GET,
    SQL_ARCHIVE_LIST,
    SQL_SERIES_PUT,
    SQL_SERIES_GET,
    SQL_SERIES_DELETE,
    SQL_SERIES_LIST,
    SQL_OUTBOX_PUT,
    SQL_OUTBOX_DUE,
    SQL_OUTBOX_SINKS,
    SQL_OUTBOX_DEFER,
    SQL_OUTBOX_REMOVE,
    SQL_SEQUENCE_NEXT,
    N_SQL
};

extern const char *const sqlite_statements[N_SQL];

/* What every reading of executions selects first, in the order in which sqlite_read_execution()
 * takes it, and its two texts; the table is called e. */
#define SQL_EXECUTION_COLUMNS                                                                      \
    "SELECT e.id, e.application, e.account, e.parent_id, e.config_id, e.config_name, e.kind,"      \
    " e.state, e.created_unix_ms, e.ended_unix_ms, e.due_unix_ms, e.n_steps, e.verdict, e.score"
#define SQL_EXECUTION_TEXTS                                                                        \
    ", (SELECT json FROM execution_submission WHERE execution = e.seq)"                            \
    ", (SELECT json FROM execution_body WHERE execution = e.seq)"

#endif
