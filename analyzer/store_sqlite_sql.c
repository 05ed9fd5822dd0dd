/* analyzer/store_sqlite_sql.c -- the text of every fixed statement. Lists of executions are put
 * together in store_sqlite_list.c. */
#include "analyzer/store_sqlite_sql.h"

#include "analyzer/store.h"

const char *const sqlite_statements[N_SQL] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT one_write",
    [SQL_SAVEPOINT_UNDO] = "ROLLBACK TO one_write",
    [SQL_SAVEPOINT_KEEP] = "RELEASE one_write",

    [SQL_CONFIG_EXISTS] = "SELECT 1 FROM canary_config WHERE account = ?1 AND id = ?2",
    [SQL_CONFIG_NAMESAKES] =
        "SELECT a.application FROM canary_config AS c JOIN canary_config_application AS a"
        " ON a.account = c.account AND a.config_id = c.id"
        " WHERE c.account = ?1 AND c.name = ?2 AND c.id <> ?3",
    [SQL_CONFIG_INSERT] =
        "INSERT INTO canary_config (account, id, name, updated_unix_ms, body_json)"
        " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_CONFIG_UPDATE] = "UPDATE canary_config SET name = ?3, updated_unix_ms = ?4, body_json = ?5"
                          " WHERE account = ?1 AND id = ?2",
    [SQL_CONFIG_DELETE] = "DELETE FROM canary_config WHERE account = ?1 AND id = ?2",
    [SQL_CONFIG_APPLICATIONS_DELETE] =
        "DELETE FROM canary_config_application WHERE account = ?1 AND config_id = ?2",
    [SQL_CONFIG_APPLICATION_INSERT] =
        "INSERT INTO canary_config_application (account, config_id, position, application)"
        " VALUES (?1, ?2, ?3, ?4)",
    /* One row per application, so that config and applications are read in one snapshot. */
    [SQL_CONFIG_GET] = "SELECT c.id, c.name, c.updated_unix_ms, a.application, c.body_json"
                       " FROM canary_config AS c LEFT JOIN canary_config_application AS a"
                       " ON a.account = c.account AND a.config_id = c.id"
                       " WHERE c.account = ?1 AND c.id = ?2 ORDER BY a.position",
    [SQL_CONFIG_LIST] = "SELECT c.id, c.name, c.updated_unix_ms, a.application"
                        " FROM canary_config AS c LEFT JOIN canary_config_application AS a"
                        " ON a.account = c.account AND a.config_id = c.id"
                        " WHERE c.account = ?1 ORDER BY c.name, c.id, a.position",

    [SQL_IDEMPOTENCY_GET] = "SELECT execution_id, digest FROM idempotency"
                            " WHERE scope = ?1 AND key = ?2 AND created_unix_ms > ?3",
    [SQL_IDEMPOTENCY_PUT] = "INSERT OR REPLACE INTO idempotency"
                            " (scope, key, digest, execution_id, created_unix_ms)"
                            " VALUES (?1, ?2, ?3, ?4, ?5)",
    /* A few more than come in with each request, so that it empties. */
    [SQL_IDEMPOTENCY_PURGE] = "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM"
                              " idempotency WHERE created_unix_ms <= ?1 LIMIT 4)",
    [SQL_UNENDED_COUNT] = "SELECT count(*) FROM execution INDEXED BY execution_unended"
                          " WHERE state = 0 AND parent_id = ''",
    [SQL_UNENDED_COUNT_ALL] =
        "SELECT count(*) FROM execution INDEXED BY execution_unended WHERE state = 0",
    /* No further than the limit, ?2. */
    [SQL_UNENDED_COUNT_APPLICATION] =
        "SELECT count(*) FROM (SELECT 1 FROM execution INDEXED BY execution_unended"
        " WHERE state = 0 AND application = ?1 AND parent_id = '' LIMIT ?2)",
    [SQL_EXECUTION_INSERT] =
        "INSERT INTO execution (id, application, account, parent_id, config_id, config_name, kind,"
        " state, created_unix_ms, ended_unix_ms, due_unix_ms, n_steps, verdict, score, lease_nonce)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        " RETURNING seq",
    [SQL_EXECUTION_SUBMIT] = "INSERT INTO execution_submission (execution, json) VALUES (?1, ?2)",
    [SQL_EXECUTION_ANSWER] = "INSERT INTO execution_body (execution, json) VALUES (?1, ?2)"
                             " ON CONFLICT (execution) DO UPDATE SET json = excluded.json",
#define TEXT_OF_(number) #number
#define TEXT_OF(number) TEXT_OF_(number)
#define SUSPECT TEXT_OF(STORE_SUSPECT_CRASHES)
#define HELD "id = ?1 AND lease_nonce = ?2 AND state = 0"
    [SQL_EXECUTION_STEP] =
        "UPDATE execution SET lease_nonce = NULL, n_crashes = 0, n_steps = n_steps + 1,"
        " due_unix_ms = ?3 WHERE " HELD " RETURNING seq",
    [SQL_EXECUTION_RELEASE] = "UPDATE execution SET lease_nonce = NULL, n_crashes = 0,"
                              " due_unix_ms = ?3 WHERE " HELD " RETURNING seq",
    [SQL_EXECUTION_PROGRESS] = "UPDATE execution SET n_crashes = 0 WHERE " HELD " RETURNING seq",
    [SQL_EXECUTION_CLAIM] = "UPDATE execution SET lease_nonce = ?2 WHERE id = ?1",
    [SQL_EXECUTION_NEXT_DUE] = "SELECT due_unix_ms FROM execution INDEXED BY execution_due"
                               " WHERE state = 0 AND lease_nonce IS NULL"
                               " ORDER BY due_unix_ms LIMIT 1",
    [SQL_EXECUTION_DUE] =
        SQL_EXECUTION_COLUMNS ", (SELECT json FROM execution_submission"
                              " WHERE execution = e.seq), '', e.n_crashes"
                              " FROM execution AS e INDEXED BY execution_due"
                              " WHERE state = 0 AND lease_nonce IS NULL"
                              " AND due_unix_ms BETWEEN ?1 AND ?2"
                              " AND (n_crashes < " SUSPECT " OR seq = "
                              "(SELECT seq FROM execution INDEXED BY execution_suspect"
                              " WHERE state = 0 AND n_crashes >= " SUSPECT
                              " AND (lease_nonce IS NOT NULL OR (due_unix_ms <= ?4"
                              " AND n_crashes <= ?6))"
                              " ORDER BY lease_nonce IS NULL, n_crashes, due_unix_ms, seq LIMIT 1))"
                              " ORDER BY due_unix_ms, seq LIMIT ?3 OFFSET ?5",
    [SQL_LEASES_VOID] = "UPDATE execution INDEXED BY execution_unended"
                        " SET lease_nonce = NULL, n_crashes = n_crashes + ?1"
                        " WHERE state = 0 AND lease_nonce IS NOT NULL",
    [SQL_EXECUTION_FINISH] =
        "UPDATE execution SET state = ?2, ended_unix_ms = ?3, verdict = ?4, score = ?5,"
        " lease_nonce = NULL, n_crashes = 0"
        " WHERE id = ?1 AND state = 0 AND (?6 IS NULL OR lease_nonce = ?6)"
        " RETURNING seq, parent_id",
    [SQL_EXECUTION_WAKE] = "UPDATE execution SET due_unix_ms = ?2 WHERE id = ?1 AND state = 0",
    [SQL_EXECUTION_STATE] = "SELECT state FROM execution WHERE id = ?1 AND is_live",
    [SQL_EXECUTION_GET] = SQL_EXECUTION_COLUMNS SQL_EXECUTION_TEXTS
    " FROM execution AS e WHERE e.id = ?1 AND e.is_live",
    [SQL_EXECUTION_IDS] = "SELECT id, ended_unix_ms FROM execution WHERE is_live"
                          " ORDER BY created_unix_ms DESC, id DESC LIMIT ?3 OFFSET ?4",
    [SQL_EXECUTION_HIDE] =
        "UPDATE execution SET is_live = 0 WHERE id = ?1 AND is_live AND state <> 0",
#define ARCHIVED "account = ?1 AND is_archived AND state <> 0 AND kind = 0"
    [SQL_EXECUTION_UNARCHIVE] = "UPDATE execution SET is_archived = 0 WHERE id = ?2 AND " ARCHIVED,
    [SQL_EXECUTION_PURGE] =
        "DELETE FROM execution WHERE id = ?1 AND NOT is_live AND (NOT is_archived OR kind <> 0)",
    [SQL_SAMPLE_PUT] = "INSERT OR IGNORE INTO sample (execution, metric_index, side, payload)"
                       " VALUES (?1, ?2, ?3, ?4)",
    [SQL_SAMPLES_GET] = "SELECT metric_index, side, payload FROM sample"
                        " WHERE execution = (SELECT seq FROM execution WHERE id = ?1)"
                        " ORDER BY metric_index, side",
    [SQL_SAMPLES_DELETE] = "DELETE FROM sample WHERE execution = ?1",

    [SQL_ARCHIVE_PUT] = "INSERT INTO archive (account, id, updated_unix_ms, body_json)"
                        " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, id) DO UPDATE SET"
                        " updated_unix_ms = excluded.updated_unix_ms,"
                        " body_json = excluded.body_json",
    [SQL_ARCHIVE_DELETE] = "DELETE FROM archive WHERE account = ?1 AND id = ?2",
    [SQL_ARCHIVE_GET] =
        "SELECT body_json, 0 AS place FROM archive WHERE account = ?1 AND id = ?2"
        " UNION ALL SELECT b.json, 1 FROM execution JOIN execution_body AS b"
        " ON b.execution = seq WHERE id = ?2 AND " ARCHIVED " ORDER BY place LIMIT 1",
    [SQL_ARCHIVE_LIST] = "SELECT id, updated_unix_ms AS updated FROM archive WHERE account = ?1"
                         " UNION ALL SELECT id, ended_unix_ms FROM execution WHERE " ARCHIVED
                         " AND id NOT IN (SELECT id FROM archive WHERE account = ?1)"
                         " ORDER BY updated DESC, id LIMIT ?3 OFFSET ?4",
    [SQL_SERIES_PUT] = "INSERT INTO series (kind, account, id, updated_unix_ms, payload)"
                       " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, account, id) DO UPDATE SET"
                       " updated_unix_ms = excluded.updated_unix_ms, payload = excluded.payload",
    [SQL_SERIES_GET] = "SELECT updated_unix_ms, payload FROM series"
                       " WHERE kind = ?1 AND account = ?2 AND id = ?3",
    [SQL_SERIES_DELETE] = "DELETE FROM series WHERE kind = ?1 AND account = ?2 AND id = ?3",
    [SQL_SERIES_LIST] = "SELECT id, updated_unix_ms FROM series WHERE kind = ?2 AND account = ?1"
                        " ORDER BY updated_unix_ms DESC, id LIMIT ?3 OFFSET ?4",

    [SQL_OUTBOX_PUT] = "INSERT OR IGNORE INTO outbox (event_id, sink, execution_id, body,"
                       " created_unix_ms, due_unix_ms, n_attempts)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0)",
    [SQL_OUTBOX_DUE] = "SELECT event_id, sink, body, execution_id, created_unix_ms, due_unix_ms,"
                       " n_attempts FROM outbox INDEXED BY outbox_by_age"
                       " WHERE sink = ?1 AND due_unix_ms <= ?2"
                       " ORDER BY created_unix_ms, event_id LIMIT ?3",
    /* From one sink to the next by the index, however much is kept for each. */
    [SQL_OUTBOX_SINKS] =
        "WITH RECURSIVE one (sink) AS (SELECT min(sink) FROM outbox UNION ALL"
        " SELECT (SELECT min(o.sink) FROM outbox AS o WHERE o.sink > one.sink)"
        " FROM one WHERE one.sink IS NOT NULL)"
        " SELECT sink, (SELECT min(o.due_unix_ms) FROM outbox AS o WHERE o.sink = one.sink)"
        " FROM one WHERE sink IS NOT NULL",
    [SQL_OUTBOX_DEFER] = "UPDATE outbox SET due_unix_ms = ?3, n_attempts = n_attempts + 1"
                         " WHERE event_id = ?1 AND sink = ?2",
    [SQL_OUTBOX_REMOVE] = "DELETE FROM outbox WHERE event_id = ?1 AND sink = ?2",

    [SQL_SEQUENCE_NEXT] = "UPDATE meta SET sequence = sequence + 1 RETURNING sequence, store_id",
};
