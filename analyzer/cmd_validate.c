/* serinus validate: every problem of canary configs, execution requests, settings and bundles, with
 * its place. With --dry-run each query is asked once as well. */
#include "analyzer/cli.h"
#include "analyzer/cli_input.h"
#include "analyzer/codec/place.h"
#include "analyzer/codec/yaml_json.h"
#include "analyzer/lint.h"
#include "analyzer/lint_report.h"
#include "analyzer/preflight.h"
#include "analyzer/settings.h"
#include "analyzer/settings_keys.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRY_RUN_WINDOW "1h"
#define DETECT_DEFAULT 0.1

static const struct cli_option options[] = {
    {"kind", 0, "KIND", "auto, canary-config, request, settings or bundle; default auto"},
    {"strict", 0, NULL, "a warning is an error"},
    {"output", 'o', "FORMAT", "text, json, sarif or junit; default text"},
    {"dry-run", 0, NULL, "ask every query of a canary config once, over the last hour"},
    RUN_INPUT_OPTIONS,
    {"metric", 0, "NAME", "dry run: this metric alone; repeatable"},
    {"detect", 0, "PERCENT", "dry run: the change to be seen, as 10%; default 10%"},
    {"quiet", 'q', NULL, "print nothing but problems"},
    {0},
};

enum kind { KIND_AUTO, KIND_CONFIG, KIND_REQUEST, KIND_SETTINGS, KIND_BUNDLE };
#define N_KINDS 5
static const char *const kind_names[N_KINDS] = {"auto", "canary-config", "request", "settings",
                                                "bundle"};

struct validation {
    const struct cli_command *self;
    const struct cli_args *args;
    struct arena *arena;
    enum kind wanted;
    json_t *out; /* the list so far, but with -o text */
    size_t n_errors, n_warnings;
    bool has_bad_settings;
};

/* --- saying it --- */

static void say(struct validation *v, const char *file, struct place place,
                const struct lint_problem *problem)
{
    const char *severity = problem->is_error ? "error" : "warning";
    char code[16];

    snprintf(code, sizeof(code), "SRN%d", (int)problem->code);
    if (problem->is_error)
        v->n_errors++;
    else
        v->n_warnings++;
    if (v->out) {
        json_array_append_new(
            v->out, json_pack("{sssIsIsssssssO}", "file", file, "line", (json_int_t)place.line,
                              "column", (json_int_t)place.column, "severity", severity, "code",
                              code, "pointer", problem->pointer, "message",
                              json_keep(json_string(problem->text), v->arena)));
    } else {
        struct strbuf line = {0};

        strbuf_printf(&line, "%s:%zu:%zu: %s %s ", file, place.line, place.column, severity, code);
        cli_put_shown(&line, *problem->pointer ? problem->pointer : "/");
        strbuf_puts(&line, ": ");
        cli_put_shown(&line, problem->text);
        puts(line.bytes);
        strbuf_clear(&line);
    }
}

/* --- what it is --- */

static bool is_settings(const json_t *document)
{
    static const char *const sections[] = {"kayenta", "server", "management", "spring", "redis"};
    json_t *root = (json_t *)document, *value;
    const char *key;

    json_object_foreach (root, key, value) {
        if (settings_key_is_native(key) || strncmp(key, "kayenta.", strlen("kayenta.")) == 0)
            return true;
        for (size_t i = 0; i < ARRAY_LEN(sections); i++)
            if (strcmp(key, sections[i]) == 0)
                return true;
    }
    return false;
}

static enum kind guess_kind(const json_t *document)
{
    const char *schema = json_string_value(json_object_get(document, "schema"));

    if (schema && strncmp(schema, "serinus.bundle/", strlen("serinus.bundle/")) == 0)
        return KIND_BUNDLE;
    if (json_object_get(document, "metrics") &&
        !json_is_object(json_object_get(document, "metrics")))
        return KIND_CONFIG;
    if (json_object_get(document, "scopes") || (json_object_get(document, "canaryConfig") &&
                                                json_object_get(document, "executionRequest")))
        return KIND_REQUEST;
    if (is_settings(document))
        return KIND_SETTINGS;
    if (json_object_get(document, "classifier") || json_object_get(document, "judge") ||
        json_object_get(document, "applications") || json_object_get(document, "templates"))
        return KIND_CONFIG;
    return json_object_get(document, "thresholds") ? KIND_REQUEST : KIND_AUTO;
}

/* A request may come with its config, as POST /canary takes it. */
static void lint_any_request(struct lint *lint, const json_t *document)
{
    const json_t *config = json_object_get(document, "canaryConfig");
    const json_t *request = json_object_get(document, "executionRequest");

    if (!config && !request) {
        lint_request(lint, document);
        return;
    }
    lint->prefix = "/canaryConfig";
    if (config)
        lint_canary_config(lint, config);
    lint->prefix = "/executionRequest";
    lint_request(lint, request ? request : json_keep(json_object(), lint->arena));
    lint->prefix = NULL;
}

/* --- settings: their reader has lines of its own --- */

/* "FILE:LINE: text", or "FILE:LINE:COLUMN: text", taken apart; the text alone where it is not so.
 */
static const char *split_place(const char *text, const char *file, struct place *out)
{
    size_t n = strlen(file);
    char *end;

    if (strncmp(text, file, n) != 0 || text[n] != ':')
        return text;
    text += n + 1;
    out->line = strtoul(text, &end, 10);
    out->line = out->line ? out->line : 1;
    if (*end == ':' && end[1] >= '0' && end[1] <= '9')
        out->column = strtoul(end + 1, &end, 10);
    return *end == ':' ? end + 1 + strspn(end + 1, " ") : end;
}

static void say_setting(struct validation *v, const char *file, bool is_error, const char *text)
{
    struct place place = {1, 1};
    struct lint_problem problem = {.is_error = is_error, .code = LINT_SETTINGS, .pointer = ""};

    problem.text = split_place(text, file, &place);
    say(v, file, place, &problem);
}

struct settings_check {
    struct validation *validation;
    const char *file;
    size_t n_errors;
};

static void say_problem(void *ctx, bool is_error, const char *text)
{
    struct settings_check *check = ctx;

    check->n_errors += is_error;
    say_setting(check->validation, check->file, is_error, text);
}

static int check_settings(struct validation *v, const char *file)
{
    struct settings_check check = {.validation = v, .file = file};
    const struct settings_options wanted = {
        .paths = &file, .n_paths = 1, .on_problem = say_problem, .ctx = &check};
    struct settings *settings = NULL;
    struct error err = {0};

    if (strcmp(file, "-") == 0)
        error_set(&err, ERR_SETTINGS,
                  "settings are not taken from standard input; name their file");
    if (err.code || settings_load_with(&wanted, &settings, &err)) {
        if (err.code == ERR_NOT_FOUND)
            return cli_fail_with(v->self, &err);
        if (check.n_errors == 0)
            say_setting(v, file, true, err.message);
        v->has_bad_settings = true;
        return EXIT_PASS;
    }
    for (size_t i = 0; i < settings->n_warnings; i++)
        say_setting(v, file, false, settings->warnings[i]);
    v->has_bad_settings =
        v->has_bad_settings || (settings->n_warnings && cli_has(v->args, "strict"));
    settings_free(settings);
    return EXIT_PASS;
}

/* --- one file --- */

static void check_document(struct validation *v, const char *file, struct str text,
                           json_t *document)
{
    struct lint lint = {.arena = v->arena};
    enum kind kind = v->wanted ? v->wanted : guess_kind(document);
    size_t n_before = v->n_errors + v->n_warnings;

    switch (kind) {
    case KIND_CONFIG:
        lint_canary_config(&lint, document);
        break;
    case KIND_REQUEST:
        lint_any_request(&lint, document);
        break;
    case KIND_BUNDLE:
        lint_bundle(&lint, document);
        break;
    case KIND_SETTINGS:
        (void)check_settings(v, file); /* the file is there */
        break;
    default:
        lint_add(&lint, true, LINT_KIND, "",
                 "this looks like no document we know; say what it is with --kind "
                 "canary-config, request, settings or bundle");
    }
    for (size_t i = 0; i < lint.n_problems; i++)
        say(v, file, place_find(text, lint.problems[i].pointer, lint.problems[i].is_key),
            &lint.problems[i]);
    if (n_before == v->n_errors + v->n_warnings && !cli_has(v->args, "quiet"))
        fprintf(stderr, "%s: %s, no problems\n", file, kind_names[kind]);
}

/* The reader's message has the place: "FILE:LINE:COLUMN: text", or "... (line L, column C)". */
static void say_unreadable(struct validation *v, const char *file, const struct error *err)
{
    struct place place = {1, 1};
    struct lint_problem problem = {
        .is_error = true, .code = LINT_SYNTAX, .pointer = err->pointer, .text = err->message};
    const char *line = strstr(err->message, "line "), *column = strstr(err->message, "column ");

    problem.text = split_place(err->message, file, &place);
    if (problem.text == err->message && line && column) {
        place.line = strtoul(line + strlen("line "), NULL, 10);
        place.column = strtoul(column + strlen("column "), NULL, 10);
    }
    say(v, file, place, &problem);
    v->has_bad_settings = v->has_bad_settings || v->wanted == KIND_SETTINGS;
}

static int check_file(struct validation *v, const char *file)
{
    struct strbuf text = {0};
    struct error err = {0};
    json_t *document = NULL;
    int exit_code = EXIT_PASS;

    if (v->wanted == KIND_SETTINGS) { /* several YAML documents may be in one file */
        exit_code = check_settings(v, file);
    } else if (cli_read_file(file, &text, &err)) {
        exit_code = cli_fail_with(v->self, &err);
    } else if (yaml_or_json_read(strbuf_view(&text), file, &document, &err)) {
        say_unreadable(v, file, &err);
    } else {
        check_document(v, file, strbuf_view(&text), document);
    }
    json_decref(document);
    strbuf_clear(&text);
    return exit_code;
}

/* --- dry run --- */

static int dry_run(struct validation *v, const char *file)
{
    struct run_input input = {.self = v->self, .args = v->args, .arena = v->arena};
    const struct query_run *failure;
    struct query_batch *batch = NULL;
    struct power_wish wish = {.is_explicit = cli_value(v->args, "detect") != NULL};
    struct strbuf text = {0};
    struct error err = {0};
    json_t *report;
    int exit_code;

    run_catch_signals();
    if (cli_percent(v->args, "detect", DETECT_DEFAULT, &wish.change, &err) ||
        run_input_read(&input, file, false, DRY_RUN_WINDOW, &err)) {
        exit_code = cli_fail_with(v->self, &err);
        goto out;
    }
    exit_code = query_batch_run(&input, false, &batch);
    if (exit_code)
        goto out;
    report = preflight_report(&input, batch, &wish);
    failure = query_batch_failure(batch);
    if (failure)
        exit_code = cli_fail_with(v->self, &failure->error);
    else if (cli_has(v->args, "strict") &&
             json_integer_value(json_object_get(report, "warnings")) > 0)
        exit_code = EXIT_BAD_INPUT;
    if (v->out) {
        json_set_text(report, "file", file);
        json_array_append_new(v->out, json_pack("{so}", "dryRun", report));
    } else {
        preflight_text(report, &text);
        if (fwrite(text.bytes, 1, text.n_bytes, stdout) != text.n_bytes)
            exit_code = EXIT_IO;
        json_decref(report);
    }
out:
    strbuf_clear(&text);
    query_batch_free(batch);
    run_input_clear(&input);
    return exit_code;
}

/* --- all of it --- */

static int check_args(struct validation *v)
{
    const char *kind = cli_value(v->args, "kind"), *output = cli_value(v->args, "output");
    size_t k = 0;

    while (kind && k < N_KINDS && strcmp(kind, kind_names[k]) != 0)
        k++;
    if (kind && strcmp(kind, "server-config") == 0)
        k = KIND_SETTINGS;
    if (k == N_KINDS)
        return cli_fail(v->self, EXIT_USAGE,
                        "--kind must be auto, canary-config, request, settings or bundle, not "
                        "\"%.40s\"",
                        kind);
    v->wanted = (enum kind)k;
    if (output && strcmp(output, "text") != 0 && strcmp(output, "json") != 0 &&
        strcmp(output, "sarif") != 0 && strcmp(output, "junit") != 0)
        return cli_fail(v->self, EXIT_USAGE, "-o must be text, json, sarif or junit, not \"%.40s\"",
                        output);
    if (output && strcmp(output, "text") != 0)
        v->out = json_keep(json_array(), v->arena);
    if (cli_n_positionals(v->args) == 0)
        return cli_fail(v->self, EXIT_USAGE, "name the files to look at");
    return EXIT_PASS;
}

static int write_list(const struct validation *v)
{
    size_t n_files = cli_n_positionals(v->args);
    const char **files = arena_array(v->arena, const char *, n_files);
    const char *output = cli_value(v->args, "output");
    struct strbuf text = {0};
    int exit_code;

    if (strcmp(output, "json") == 0)
        return cli_write_json(v->self, v->out, NULL);
    if (strcmp(output, "sarif") == 0)
        return cli_write_json(v->self, json_keep(lint_sarif(v->out), v->arena), NULL);
    for (size_t i = 0; i < n_files; i++)
        files[i] = cli_positional(v->args, i);
    lint_junit(v->out, files, n_files, &text);
    exit_code = cli_write_text(v->self, strbuf_view(&text), NULL);
    strbuf_clear(&text);
    return exit_code;
}

static int check_all(struct validation *v)
{
    int exit_code = EXIT_PASS, code = EXIT_PASS;

    for (size_t i = 0; i < cli_n_positionals(v->args); i++) {
        size_t n_before = v->n_errors;

        code = check_file(v, cli_positional(v->args, i));
        if (!code && v->n_errors == n_before && cli_has(v->args, "dry-run"))
            code = dry_run(v, cli_positional(v->args, i));
        exit_code = exit_code ? exit_code : code;
    }
    if (v->out && (code = write_list(v)) != EXIT_PASS)
        return code;
    if (!v->out && fflush(stdout) != 0)
        return cli_fail(v->self, EXIT_IO, "cannot write standard output");
    if (exit_code)
        return exit_code;
    if (v->has_bad_settings)
        return EXIT_SETTINGS;
    return v->n_errors || (v->n_warnings && cli_has(v->args, "strict")) ? EXIT_BAD_INPUT
                                                                        : EXIT_PASS;
}

static int validate_command(const struct cli_command *self, int argc, char **argv)
{
    struct validation v = {.self = self, .arena = arena_create()};
    int exit_code = EXIT_PASS;

    v.args = cli_parse(self, argc, argv, v.arena, &exit_code);
    if (v.args)
        exit_code = check_args(&v);
    if (v.args && !exit_code)
        exit_code = check_all(&v);
    arena_free(v.arena);
    return exit_code;
}

#define EXAMPLES(name)                                                                             \
    "  serinus " name " canary.yml request.json\n"                                                 \
    "  serinus " name " --kind settings --strict kayenta.yml\n"                                    \
    "  serinus " name " --dry-run canary.yml --accounts kayenta.yml \\\n"                          \
    "      --baseline api-v41 --canary api-v42\n"                                                  \
    "  serinus " name " -o junit canary.yml > canary.xml\n\n"                                      \
    "exit codes: 0 no errors, 65 a document is wrong, 78 settings are, 69 a query failed\n"

const struct cli_command command_validate = {
    .name = "validate",
    .summary = "list every problem of canary configs, requests, settings and bundles",
    .examples = EXAMPLES("validate"),
    .options = options,
    .run = validate_command,
};

const struct cli_command command_check_config = {
    .name = "check-config",
    .summary = "the same as validate",
    .examples = EXAMPLES("check-config"),
    .options = options,
    .run = validate_command,
};
