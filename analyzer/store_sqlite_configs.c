/* analyzer/store_sqlite_configs.c -- canary configs in the database. A name may be used once within
 * any application; that is checked inside the transaction that writes, so two creators cannot both
 * win. */
#include "analyzer/store_sqlite.h"

#include <stdlib.h>
#include <string.h>

static bool shares_application(const struct stored_config *config, const char *application)
{
    for (size_t i = 0; i < config->n_applications; i++)
        if (strcmp(config->applications[i], application) == 0)
            return true;
    return false;
}

static enum err_code name_taken(const struct stored_config *config, struct error *err)
{
    struct strbuf list = {0};

    strbuf_puts(&list, "[");
    for (size_t i = 0; i < config->n_applications; i++)
        strbuf_printf(&list, "%s%s", i ? ", " : "", config->applications[i]);
    strbuf_puts(&list, "]");
    error_set(err, ERR_CONFLICT,
              "Canary config with name '%s' already exists in the scope of applications %s.",
              config->name, list.bytes);
    strbuf_clear(&list);
    return err->code;
}

static enum err_code check_name(struct sqlite_conn *conn, const struct stored_config *config,
                                struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_CONFIG_NAMESAKES, err);
    bool is_taken = false;
    int rc = SQLITE_DONE;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, config->account);
    sqlite_bind_text(stmt, 2, config->name);
    sqlite_bind_text(stmt, 3, config->id);
    while (!is_taken && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        is_taken = shares_application(config, (const char *)sqlite3_column_text(stmt, 0));
    if (is_taken)
        name_taken(config, err);
    else if (rc != SQLITE_DONE)
        sqlite_error(conn, "look for configs of that name", err);
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code find(struct sqlite_conn *conn, const struct stored_config *config, bool *out,
                          struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_CONFIG_EXISTS, err);
    int rc;

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, config->account);
    sqlite_bind_text(stmt, 2, config->id);
    rc = sqlite3_step(stmt);
    *out = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        sqlite_error(conn, "look for the config", err);
    sqlite3_reset(stmt);
    return err->code;
}

static enum err_code put_row(struct sqlite_conn *conn, enum sqlite_sql sql,
                             const struct stored_config *config, struct error *err)
{
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, sql, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, config->account);
    sqlite_bind_text(stmt, 2, config->id);
    sqlite_bind_text(stmt, 3, config->name);
    sqlite3_bind_int64(stmt, 4, config->updated_unix_ms);
    sqlite_bind_str(stmt, 5, config->json);
    return sqlite_conn_run(conn, stmt, "write the config", err);
}

static enum err_code put_applications(struct sqlite_conn *conn, const struct stored_config *config,
                                      struct error *err)
{
    for (size_t i = 0; i < config->n_applications; i++) {
        sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_CONFIG_APPLICATION_INSERT, err);

        if (!stmt)
            return err->code;
        sqlite_bind_text(stmt, 1, config->account);
        sqlite_bind_text(stmt, 2, config->id);
        sqlite3_bind_int64(stmt, 3, (sqlite3_int64)i);
        sqlite_bind_text(stmt, 4, config->applications[i]);
        if (sqlite_conn_run(conn, stmt, "write the config's applications", err))
            return err->code;
    }
    return ERR_OK;
}

static enum err_code create(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_config *config = args;
    bool exists;

    if (find(conn, config, &exists, err))
        return err->code;
    if (exists)
        return error_set(err, ERR_CONFLICT, "Canary config '%s' already exists.", config->id);
    if (check_name(conn, config, err) || put_row(conn, SQL_CONFIG_INSERT, config, err))
        return err->code;
    return put_applications(conn, config, err);
}

static enum err_code update(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_config *config = args;
    sqlite3_stmt *stmt;
    bool exists;

    if (find(conn, config, &exists, err))
        return err->code;
    if (!exists)
        return error_set(err, ERR_NOT_FOUND, "Canary config '%s' does not exist.", config->id);
    if (check_name(conn, config, err) || put_row(conn, SQL_CONFIG_UPDATE, config, err))
        return err->code;
    stmt = sqlite_conn_stmt(conn, SQL_CONFIG_APPLICATIONS_DELETE, err);
    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, config->account);
    sqlite_bind_text(stmt, 2, config->id);
    if (sqlite_conn_run(conn, stmt, "replace the config's applications", err))
        return err->code;
    return put_applications(conn, config, err);
}

static enum err_code delete_row(struct sqlite_conn *conn, const void *args, struct error *err)
{
    const struct stored_config *config = args;
    sqlite3_stmt *stmt = sqlite_conn_stmt(conn, SQL_CONFIG_DELETE, err);

    if (!stmt)
        return err->code;
    sqlite_bind_text(stmt, 1, config->account);
    sqlite_bind_text(stmt, 2, config->id);
    if (sqlite_conn_run(conn, stmt, "delete the config", err))
        return err->code;
    if (sqlite3_changes(conn->db) == 0)
        return error_set(err, ERR_NOT_FOUND, "Does not exist");
    return ERR_OK;
}

enum err_code store_config_create(struct store *store, const struct stored_config *config,
                                  struct error *err)
{
    return store_write(store, WRITE_COUNTED, create, config, err);
}

enum err_code store_config_update(struct store *store, const struct stored_config *config,
                                  struct error *err)
{
    return store_write(store, WRITE_COUNTED, update, config, err);
}

enum err_code store_config_delete(struct store *store, const char *account, const char *id,
                                  struct error *err)
{
    struct stored_config config = {.account = account, .id = id};

    return store_write(store, WRITE_COUNTED, delete_row, &config, err);
}

/* --- reading: one row per application, NULL when there is none --- */

/* A growing list of texts. */
struct names {
    const char **items;
    size_t n_items, capacity;
};

static void names_add(struct names *names, const char *name, struct arena *arena)
{
    names->items =
        arena_grow(arena, names->items, names->n_items, &names->capacity, sizeof(*names->items));
    names->items[names->n_items++] = name;
}

static void read_columns(sqlite3_stmt *stmt, const char *account, struct arena *arena,
                         struct stored_config *out)
{
    *out = (struct stored_config){
        .account = arena_strdup(arena, account ? account : ""),
        .id = sqlite_column_copy(stmt, 0, arena),
        .name = sqlite_column_copy(stmt, 1, arena),
        .updated_unix_ms = sqlite3_column_int64(stmt, 2),
        .json = {"", 0},
    };
}

static void read_application(sqlite3_stmt *stmt, struct arena *arena, struct names *names,
                             struct stored_config *config)
{
    if (sqlite3_column_type(stmt, 3) != SQLITE_NULL)
        names_add(names, sqlite_column_copy(stmt, 3, arena), arena);
    config->applications = names->items;
    config->n_applications = names->n_items;
}

enum err_code store_config_get(struct store *store, const char *account, const char *id,
                               struct arena *arena, struct stored_config *out, struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_CONFIG_GET, err) : NULL;
    struct stored_config config = {0};
    struct names names = {0};
    int rc;

    if (!stmt)
        goto out;
    sqlite_bind_text(stmt, 1, account);
    sqlite_bind_text(stmt, 2, id);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!config.id) {
            read_columns(stmt, account, arena, &config);
            config.json = sqlite_column_str(stmt, 4, arena);
        }
        read_application(stmt, arena, &names, &config);
    }
    if (rc != SQLITE_DONE)
        sqlite_error(reader, "read the config", err);
    else if (!config.id)
        error_set(err, ERR_NOT_FOUND, "No such object named %s", id);
    else
        *out = config;
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}

struct config_list {
    struct stored_config *items;
    size_t n_items, capacity;
};

static struct stored_config *list_add(struct config_list *list, struct arena *arena)
{
    list->items =
        arena_grow(arena, list->items, list->n_items, &list->capacity, sizeof(*list->items));
    return &list->items[list->n_items++];
}

/* Drop the configs that share no application with the wanted ones, in place. */
static size_t keep_wanted(struct config_list *list, const char *const *wanted, size_t n_wanted)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < list->n_items; i++) {
        bool is_wanted = n_wanted == 0;

        for (size_t k = 0; k < n_wanted && !is_wanted; k++)
            is_wanted = shares_application(&list->items[i], wanted[k]);
        if (is_wanted)
            list->items[n_kept++] = list->items[i];
    }
    return n_kept;
}

enum err_code store_config_list(struct store *store, const char *account,
                                const char *const *applications, size_t n_applications,
                                struct arena *arena, struct stored_config **out, size_t *n_out,
                                struct error *err)
{
    struct sqlite_conn *reader = store_reader_take(store, err);
    sqlite3_stmt *stmt = reader ? sqlite_conn_stmt(reader, SQL_CONFIG_LIST, err) : NULL;
    struct config_list list = {0};
    struct stored_config *config = NULL;
    struct names names = {0};
    int rc;

    if (!stmt)
        goto out;
    sqlite_bind_text(stmt, 1, account);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!config || strcmp(config->id, (const char *)sqlite3_column_text(stmt, 0)) != 0) {
            config = list_add(&list, arena);
            read_columns(stmt, account, arena, config);
            names = (struct names){0};
        }
        read_application(stmt, arena, &names, config);
    }
    if (rc != SQLITE_DONE) {
        sqlite_error(reader, "list the configs", err);
    } else {
        *n_out = keep_wanted(&list, applications, n_applications);
        *out = list.items;
    }
    sqlite3_reset(stmt);
out:
    store_reader_give(store, reader);
    return err->code;
}
