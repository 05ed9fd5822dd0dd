/* serinus store: what an operator does with the result store by hand, while no service uses it. */
#include "analyzer/cli.h"
#include "analyzer/settings.h"
#include "analyzer/store_admin.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "the service's settings, to find its data; may repeat"},
    {"data-dir", 0, "DIR", "where the result store is kept"},
    {"output", 'o', "text|json", "how status is printed"},
    {0},
};

struct request {
    const struct cli_command *self;
    const char *data_dir, *file;
    bool is_json;
};

/* Exit codes tell a target that is in the way from bad input. */
static int fail(const struct request *request, const struct error *err)
{
    char text[sizeof(err->context) + sizeof(err->message) + 2];

    if (err->code == ERR_CONFLICT)
        return cli_fail(request->self, EXIT_CANNOT_CREATE, "%s",
                        error_text(err, text, sizeof(text)));
    return cli_fail_with(request->self, err);
}

/* --- status --- */

static const char *state_of(const struct store_status *status)
{
    if (status->is_rolled_back)
        return "rollback detected";
    if (status->schema != status->newest_schema)
        return "to be migrated at the next start";
    return "ok";
}

static void print_text(const struct request *request, const struct store_status *status)
{
    printf("folder         %s\n", request->data_dir);
    printf("state          %s\n", state_of(status));
    printf("schema         %" PRId64 " of %" PRId64 "\n", status->schema, status->newest_schema);
    printf("commits        %" PRId64 " in the database, ", status->sequence);
    if (status->audit_sequence < 0)
        puts("no audit file");
    else
        printf("%" PRId64 " by the audit file\n", status->audit_sequence);
    printf("size           %" PRId64 " bytes, and %" PRId64 " of log\n", status->db_bytes,
           status->log_bytes);
    printf("executions     %" PRId64 ", %" PRId64 " of them not ended\n", status->n_executions,
           status->n_unfinished);
    printf("configs        %" PRId64 "\n", status->n_configs);
    printf("notifications  %" PRId64 " not delivered\n", status->n_notifications);
}

static void print_json(const struct request *request, const struct store_status *status)
{
    struct strbuf text = {0};
    json_t *root = json_pack(
        "{ss, ss, sI, sI, sI, so, sI, sI, sI, sI, sI, sI}", "folder", request->data_dir, "state",
        state_of(status), "schema", (json_int_t)status->schema, "newestSchema",
        (json_int_t)status->newest_schema, "commits", (json_int_t)status->sequence, "auditCommits",
        status->audit_sequence < 0 ? json_null() : json_integer((json_int_t)status->audit_sequence),
        "bytes", (json_int_t)status->db_bytes, "logBytes", (json_int_t)status->log_bytes,
        "executions", (json_int_t)status->n_executions, "unfinished",
        (json_int_t)status->n_unfinished, "configs", (json_int_t)status->n_configs, "notifications",
        (json_int_t)status->n_notifications);

    json_write(root, &text);
    puts(text.bytes);
    strbuf_clear(&text);
    json_decref(root);
}

static int run_status(const struct request *request)
{
    struct store *store = NULL;
    struct store_status status = {0};
    struct error err = {0};

    if (store_look(request->data_dir, NULL, &store, &err) == ERR_OK &&
        store_status_read(store, &status, &err) == ERR_OK)
        (request->is_json ? print_json : print_text)(request, &status);
    store_close(store);
    return err.code ? fail(request, &err) : EXIT_PASS;
}

/* --- the others --- */

static int run_check(const struct request *request)
{
    struct store *store = NULL;
    struct store_status status = {0};
    struct error err = {0};

    if (store_look(request->data_dir, NULL, &store, &err) == ERR_OK &&
        store_verify(store, &err) == ERR_OK && store_status_read(store, &status, &err) == ERR_OK &&
        status.is_rolled_back)
        error_because(&err, ERR_IO, "store_rollback_detected",
                      "the database is whole, but it has come to commit %" PRId64
                      " and its audit file to %" PRId64 ": something acknowledged is lost",
                      status.sequence, status.audit_sequence);
    store_close(store);
    if (err.code)
        return fail(request, &err);
    puts("ok");
    return EXIT_PASS;
}

static int run_backup(const struct request *request)
{
    struct store *store = NULL;
    struct error err = {0};

    if (store_look(request->data_dir, NULL, &store, &err) == ERR_OK &&
        store_backup(store, request->file, &err) == ERR_OK)
        printf("copied to %s\n", request->file);
    store_close(store);
    return err.code ? fail(request, &err) : EXIT_PASS;
}

static int run_restore(const struct request *request)
{
    struct error err = {0};

    if (store_restore(request->data_dir, request->file, NULL, &err))
        return fail(request, &err);
    printf("restored from %s\n", request->file);
    return EXIT_PASS;
}

static int run_accept_rollback(const struct request *request)
{
    struct store_status status = {0};
    struct error err = {0};

    switch (store_accept_rollback(request->data_dir, NULL, &status, &err)) {
    case ERR_OK:
        printf("accepted at commit %" PRId64 "; the audit file had %" PRId64 "\n", status.sequence,
               status.audit_sequence);
        return EXIT_PASS;
    case ERR_CONFLICT:
        puts("nothing to accept");
        return EXIT_PASS;
    default:
        return fail(request, &err);
    }
}

static const struct action {
    const char *name, *file; /* what the file is, NULL when there is none */
    int (*run)(const struct request *request);
} actions[] = {
    {"status", NULL, run_status},
    {"check", NULL, run_check},
    {"backup", "the copy to make", run_backup},
    {"restore", "the copy to restore from", run_restore},
    {"accept-rollback", NULL, run_accept_rollback},
};

static const struct action *action_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* The flag, or what the service's settings say. */
static enum err_code find_data(const struct cli_args *args, struct arena *arena,
                               const char **out_dir, struct error *err)
{
    size_t n = cli_count(args, "config");
    const char **paths = arena_array(arena, const char *, n);
    struct settings *settings = NULL;

    *out_dir = cli_value(args, "data-dir");
    if (*out_dir)
        return ERR_OK;
    for (size_t i = 0; i < n; i++)
        paths[i] = cli_value_at(args, "config", i);
    if (settings_load(paths, n, &settings, err) == ERR_OK)
        *out_dir = arena_strdup(arena, settings->data_dir);
    settings_free(settings);
    return err->code;
}

static int run_action(const struct cli_command *self, const struct cli_args *args,
                      struct arena *arena)
{
    size_t n = cli_n_positionals(args);
    const struct action *action = n ? action_find(cli_positional(args, 0)) : NULL;
    const char *format = cli_value(args, "output") ? cli_value(args, "output") : "text";
    struct request request = {.self = self, .is_json = strcmp(format, "json") == 0};
    struct error err = {0};

    if (n == 0)
        return cli_fail(self, EXIT_USAGE,
                        "say what to do: status, check, backup, restore or accept-rollback");
    if (!action)
        return cli_fail(self, EXIT_USAGE,
                        "\"%.40s\" is not one of status, check, backup, restore, accept-rollback",
                        cli_positional(args, 0));
    if (action->file && n < 2)
        return cli_fail(self, EXIT_USAGE, "store %s needs FILE, %s", action->name, action->file);
    if (n > (action->file ? 2u : 1u))
        return cli_fail(self, EXIT_USAGE, "unexpected argument \"%.80s\"",
                        cli_positional(args, n - 1));
    if (!request.is_json && strcmp(format, "text") != 0)
        return cli_fail(self, EXIT_USAGE, "-o must be text or json, not \"%.40s\"", format);
    if (find_data(args, arena, &request.data_dir, &err))
        return cli_fail_with(self, &err);
    request.file = action->file ? cli_positional(args, 1) : NULL;
    return action->run(&request);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct arena *arena = arena_create();
    int exit_code = EXIT_PASS;
    const struct cli_args *args = cli_parse(self, argc, argv, arena, &exit_code);

    if (args)
        exit_code = run_action(self, args, arena);
    if (args && fflush(stdout) != 0)
        exit_code = cli_fail(self, EXIT_IO, "cannot write standard output");
    arena_free(arena);
    return exit_code;
}

const struct cli_command command_store = {
    .name = "store",
    .summary = "look at, check, copy and restore the result store",
    .examples = "  serinus store status --data-dir /var/lib/serinus\n"
                "  serinus store check -c /etc/serinus/serinus.yml\n"
                "  serinus store backup copy.db\n"
                "  serinus store restore copy.db\n"
                "  serinus store accept-rollback\n\n"
                "  The service must be stopped (75 while it runs). A database that has lost\n"
                "  something acknowledged is not written to until it is restored or accepted.\n",
    .options = options,
    .run = run,
};
