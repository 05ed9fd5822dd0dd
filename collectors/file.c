/* collectors/file.c -- recorded or exported series in place of a metric store: bundles of metric
 * sets, CSV, OpenMetrics text. A whole canary runs without a network.
 *
 * The query text is a selector, with "<file>#" before it where the account's path is a folder. The
 * fetch engine reads the file; what it holds is the reply. */
#include "collectors/collector.h"

#include "base/json.h"
#include "base/limits.h"
#include "collectors/file_read.h"
#include "collectors/file_reply.h"
#include "collectors/names.h"
#include "collectors/query_template.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum format { FORMAT_AUTO, FORMAT_BUNDLE, FORMAT_CSV, FORMAT_OPENMETRICS };

static const char *const format_names[] = {"auto", "bundle", "csv", "openmetrics"};

static const char *option(const struct account *account, const char *key)
{
    const char *text = json_string_value(json_object_get(account->options, key));

    return text && *text ? text : NULL;
}

/* The index of `text` in `names`, `n` when it is none of them; NULL is the first. */
static size_t index_of(const char *text, const char *const *names, size_t n)
{
    size_t i = 0;

    while (text && i < n && strcmp(names[i], text) != 0)
        i++;
    return i;
}

/* --- the account --- */

static enum err_code file_check_account(const struct account *account, struct error *err)
{
    static const char *const windows[] = {"scope", "data"};
    static const char *const units[] = {"s", "ms"};
    const json_t *sides = json_object_get(account->options, "sides");

    if (!account->path || account->path[0] != '/')
        return error_set(err, ERR_SETTINGS,
                         "\"path\" must be an absolute path to a file or folder");
    if (index_of(option(account, "format"), format_names, ARRAY_LEN(format_names)) ==
        ARRAY_LEN(format_names))
        return error_set(err, ERR_SETTINGS, "\"format\" must be auto, bundle, csv or openmetrics");
    if (index_of(option(account, "window"), windows, ARRAY_LEN(windows)) == ARRAY_LEN(windows))
        return error_set(err, ERR_SETTINGS, "\"window\" must be scope or data");
    if (index_of(option(account, "timeUnit"), units, ARRAY_LEN(units)) == ARRAY_LEN(units))
        return error_set(err, ERR_SETTINGS, "\"timeUnit\" must be s or ms");
    if (sides && !json_is_null(sides) && !json_is_object(sides))
        return error_set(err, ERR_SETTINGS,
                         "\"sides\" must be an object: {baseline: [..], canary: [..]}");
    return ERR_OK;
}

/* --- the query text --- */

/* Segments of plain characters, none of them "." or "..". */
static bool is_file_name(const char *name)
{
    for (;;) {
        size_t n = 0;

        while (isalnum((unsigned char)name[n]) || (name[n] && strchr("._-", name[n])))
            n++;
        if (n == 0 || (n == 1 && name[0] == '.') || (n == 2 && strncmp(name, "..", 2) == 0))
            return false;
        if (name[n] == '\0')
            return true;
        if (name[n] != '/')
            return false;
        name += n + 1;
    }
}

static enum err_code check_config(const struct metric_query *query, struct error *err)
{
    static const char *const transforms[] = {"none", "rate", "increase"};
    const char *file = metric_query_text(query, "file");
    enum grid_reduce reduce;

    if (file && !is_file_name(file))
        return error_because(err, ERR_INVALID, "bad_query", "file name '%.256s' is not allowed",
                             file);
    if (!grid_reduce_find(metric_query_text(query, "reduce"), &reduce))
        return error_because(err, ERR_INVALID, "bad_query",
                             "file query: reduce must be last, first, mean, sum, min or max");
    if (index_of(metric_query_text(query, "transform"), transforms, ARRAY_LEN(transforms)) ==
        ARRAY_LEN(transforms))
        return error_because(err, ERR_INVALID, "bad_query",
                             "file query: transform must be none, rate or increase");
    return ERR_OK;
}

static enum err_code expand_series(const struct metric_query *query, struct arena *arena,
                                   const char **out, struct error *err)
{
    const struct scope *scope = &query->scope;
    const char *series = metric_query_text(query, "series");
    size_t n = 2 + scope->n_extended_params;
    struct tag *all = arena_array(arena, struct tag, n);
    const struct template_bindings bindings = {.items = all, .n_items = n};

    all[0] = (struct tag){"scope", scope->scope};
    all[1] = (struct tag){"location", scope->location};
    if (template_expand_query(query, all, 2, false, arena, out, err) || *out)
        return err->code;
    if (!series) {
        *out = file_selector_of_name(query->metric_name, arena);
        return ERR_OK;
    }
    if (scope->n_extended_params)
        memcpy(all + 2, scope->extended_params, scope->n_extended_params * sizeof(*all));
    return template_expand(series, &bindings, query->metric_name, arena, out, err);
}

static enum err_code file_query_text(const struct account *account,
                                     const struct metric_query *query, struct arena *arena,
                                     const char **out, struct error *err)
{
    const char *file = metric_query_text(query, "file");
    struct file_selector selector;

    if ((account->reject_unsafe_values &&
         template_check_scope(&query->scope, query->metric_name, err)) ||
        check_config(query, err) || expand_series(query, arena, out, err) ||
        file_selector_read(*out, arena, &selector, err))
        return err->code;
    if (file)
        *out = arena_printf(arena, "%s#%s", file, *out);
    return ERR_OK;
}

/* --- the request --- */

static void ask_for(const struct account *account, const char *file, struct arena *arena,
                    struct http_request *out)
{
    out->method = "GET";
    out->url = arena_printf(arena, "%s/%s", account->base_url, file);
    if (!*file)
        out->url = account->base_url;
    out->file = file;
}

static enum err_code file_build(const struct account *account, const struct metric_query *query,
                                const char *text, struct arena *arena,
                                struct http_request_list *out, struct error *err)
{
    const char *file = metric_query_text(query, "file");
    struct grid grid;

    (void)text;
    if (check_config(query, err) ||
        grid_of_scope(&query->scope, query->scope.step_s, true, &grid, err))
        return err->code;
    out->n_requests = 1;
    out->requests = arena_new(arena, struct http_request);
    ask_for(account, file ? file : "", arena, out->requests);
    return ERR_OK;
}

/* --- the reply --- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcasecmp(text + n - n_end, end) == 0;
}

static enum format format_of(const struct account *account, const char *name, struct str content,
                             struct arena *arena)
{
    static const struct {
        const char *end;
        enum format format;
    } ends[] = {{".json", FORMAT_BUNDLE},
                {".csv", FORMAT_CSV},
                {".om", FORMAT_OPENMETRICS},
                {".prom", FORMAT_OPENMETRICS},
                {".txt", FORMAT_OPENMETRICS}};
    size_t given = index_of(option(account, "format"), format_names, ARRAY_LEN(format_names));
    const char *line_end = content.n_bytes ? memchr(content.bytes, '\n', content.n_bytes) : NULL;
    size_t n_line = line_end ? (size_t)(line_end - content.bytes) : content.n_bytes;

    if (given != FORMAT_AUTO)
        return (enum format)given;
    if (ends_with(name, ".gz"))
        name = arena_strndup(arena, name, strlen(name) - strlen(".gz"));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (ends_with(name, ends[i].end))
            return ends[i].format;
    if (content.n_bytes && (*content.bytes == '{' || *content.bytes == '['))
        return FORMAT_BUNDLE;
    return n_line && memchr(content.bytes, ',', n_line) &&
                   memmem(content.bytes, n_line, "time", strlen("time"))
               ? FORMAT_CSV
               : FORMAT_OPENMETRICS;
}

static enum err_code read_content(const struct account *account,
                                  const struct file_question *question, struct str content,
                                  struct metric_set_list *out, struct error *err)
{
    struct file_rows rows = {.question = question, .arena = out->arena, .err = err};
    enum format format = format_of(account, question->path, content, out->arena);

    if (format == FORMAT_BUNDLE)
        return file_bundle_read(question, content, out, err);
    if ((format == FORMAT_CSV ? file_csv_read(&rows, content)
                              : file_openmetrics_read(&rows, content)) == ERR_OK &&
        !question->names)
        (void)(file_rows_finish(&rows, out) == ERR_OK);
    file_rows_clear(&rows);
    return err->code;
}

static bool is_folder(const struct http_response *reply)
{
    const char *type = http_response_header(reply, "Content-Type");

    return type && strcmp(type, FILE_FOLDER_TYPE) == 0;
}

/* The file's name beneath a folder; "": it is the account's own. */
static const char *file_of(const struct http_response *reply)
{
    const char *name = http_response_header(reply, "Content-Location");

    return name ? name : "";
}

static struct file_question question_of(const struct account *account)
{
    const char *window = option(account, "window"), *unit = option(account, "timeUnit");

    return (struct file_question){
        .sides = json_object_get(account->options, "sides"),
        .side_label = option(account, "sideLabel"),
        .is_in_ms = unit && strcmp(unit, "ms") == 0,
        .is_window_of_data = window && strcmp(window, "data") == 0,
        .side = "",
    };
}

static enum err_code file_parse(const struct account *account, const struct metric_query *query,
                                const char *text, const struct http_response *replies,
                                size_t n_replies, struct metric_set_list *out, struct error *err)
{
    struct file_question question = question_of(account);
    const char *file = metric_query_text(query, "file");
    const char *path = account->path ? account->path : "";
    const char *side = metric_query_param(query, "side");
    const char *transform = metric_query_text(query, "transform");
    const char *selector = text;
    struct error why = {0};

    (void)n_replies; /* always one */
    if (file && strncmp(text, file, strlen(file)) == 0 && text[strlen(file)] == '#')
        selector = text + strlen(file) + 1;
    question.query = query;
    question.text = text;
    question.path = file ? file : path;
    if (side || query->scope.scope)
        question.side = side ? side : query->scope.scope;
    question.transform = transform && strcmp(transform, "rate") == 0       ? FILE_RATE
                         : transform && strcmp(transform, "increase") == 0 ? FILE_INCREASE
                                                                           : FILE_AS_IS;
    if (!grid_reduce_find(metric_query_text(query, "reduce"), &question.reduce))
        question.reduce = GRID_LAST; /* refused when it was built */
    if (is_folder(replies))
        return file_unreadable(path, file ? file : "",
                               "it is a folder; the query's \"file\" says which file is meant",
                               err);
    if (file_selector_read(selector, out->arena, &question.selector, &why))
        return error_because(err, ERR_UPSTREAM, "store_error", "%s", why.message);
    if (read_content(account, &question, (struct str){replies->body, replies->n_body_bytes}, out,
                     err))
        return error_context(err, "file '%s%s%s'", path, file ? "/" : "", file ? file : "");
    return ERR_OK;
}

/* --- the names of all series --- */

static enum err_code file_names_build(const struct account *account, struct arena *arena,
                                      struct http_request *out, struct error *err)
{
    (void)err;
    ask_for(account, "", arena, out);
    return ERR_OK;
}

/* The files of a folder, the first of them. */
static enum err_code file_names_next(const struct account *account, const char *text,
                                     const struct http_response *reply, struct arena *arena,
                                     struct http_request_list *more, struct error *err)
{
    const char *line = reply->body;

    (void)text;
    (void)err;
    if (!is_folder(reply) || *file_of(reply))
        return ERR_OK;
    more->requests = arena_array(arena, struct http_request, NAMES_MAX_REQUESTS);
    while (*line && more->n_requests < NAMES_MAX_REQUESTS - 1) {
        size_t n = strcspn(line, "\n");
        const char *name = arena_strndup(arena, line, n);

        if (is_file_name(name))
            ask_for(account, name, arena, &more->requests[more->n_requests++]);
        line += n + (line[n] == '\n');
    }
    return ERR_OK;
}

static enum err_code file_names_parse(const struct account *account,
                                      const struct http_response *reply, json_t **out_list,
                                      struct error *err)
{
    struct arena *arena = arena_create();
    struct file_question question = question_of(account);
    struct metric_set_list none = {.arena = arena};
    json_auto_t *names = json_object();
    const char *slash = account->path ? strrchr(account->path, '/') : NULL;
    const char *file = file_of(reply), *name;
    struct error why = {0};
    json_t *value;

    question.path = *file ? file : account->path ? account->path : "";
    question.names = names;
    if (!is_folder(reply))
        (void)(read_content(account, &question, (struct str){reply->body, reply->n_body_bytes},
                            &none, &why) == ERR_OK);
    if (!*file && why.code) { /* of a folder, what is no series is left out */
        arena_free(arena);
        *err = why;
        return err->code;
    }
    *out_list = json_array();
    json_object_foreach (names, name, value)
        json_array_append_new(*out_list, json_pack("{s:s, s:s}", "name", name, "file",
                                                   *file   ? file
                                                   : slash ? slash + 1
                                                           : question.path));
    arena_free(arena);
    return ERR_OK;
}

static const struct collector_metadata file_metadata = {
    .build = file_names_build,
    .parse = file_names_parse,
    .next = file_names_next,
};

const struct collector_type collector_file = {
    .name = "file",
    .needs_step = true,
    .reads_files = true,
    .check_account = file_check_account,
    .query_text = file_query_text,
    .build = file_build,
    .parse = file_parse,
    .metadata = &file_metadata,
};
