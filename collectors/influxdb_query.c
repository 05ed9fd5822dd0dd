/* The text of an InfluxQL query.
 *
 * Whoever writes a canary config writes the query, but a query must not do more than read, and what
 * a request puts into it must stay a value. So the scope's key is an identifier, its value is
 * escaped, and the finished text is searched for what would make it more than one SELECT. */
#include "collectors/influxdb.h"

#include "base/instant.h"
#include "base/limits.h"
#include "collectors/query_template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define ALL_FIELDS "*::field"
#define SCOPE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static enum err_code not_allowed(struct error *err)
{
    return error_because(err, ERR_INVALID, "bad_query", "Query type not allowed.");
}

static enum err_code too_large(const struct metric_query *query, struct error *err)
{
    return error_because(err, ERR_INVALID, "template_too_large",
                         "the query of metric '%s' is larger than %u bytes", query->metric_name,
                         TEMPLATE_MAX_EXPANDED_BYTES);
}

/* --- what is put into it --- */

static const char *time_filter(const struct scope *scope, struct arena *arena)
{
    char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];

    return arena_printf(arena, "time >= '%s' AND time < '%s'",
                        instant_text(scope->start_unix_ns, start),
                        instant_text(scope->end_unix_ns, end));
}

static enum err_code bad_scope(const char *scope, struct error *err)
{
    return error_because(err, ERR_INVALID, "bad_scope",
                         "Scope expected in the format of 'name:value'. e.g. "
                         "autoscaling_group:myapp-prod-v002, received: %s",
                         scope ? scope : "null");
}

/* "name:value" -> name = 'value' */
static enum err_code scope_filter(const struct metric_query *query, struct arena *arena,
                                  const char **out, struct error *err)
{
    const char *scope = query->scope.scope;
    const char *colon = scope ? strchr(scope, ':') : NULL;
    size_t n_key = colon ? (size_t)(colon - scope) : 0;
    struct strbuf text = {0};

    if (!colon || strchr(colon + 1, ':') || n_key == 0 || strspn(scope, SCOPE_CHARS) != n_key ||
        !(isalpha((unsigned char)scope[0]) || scope[0] == '_'))
        return bad_scope(scope, err);
    /* A name with a dash would be read as a difference. */
    strbuf_printf(&text, memchr(scope, '-', n_key) ? "\"%.*s\" = '" : "%.*s = '", (int)n_key,
                  scope);
    for (const char *c = colon + 1; *c && !err->code; c++) {
        if (iscntrl((unsigned char)*c))
            error_because(err, ERR_INVALID, "unsafe_template_value",
                          "the value of 'scope' could leave its place in the query of metric '%s'; "
                          "it holds a line break or another control character",
                          query->metric_name);
        if (*c == '\'' || *c == '\\')
            strbuf_append(&text, "\\", 1);
        strbuf_append(&text, c, 1);
    }
    strbuf_append(&text, "'", 1);
    *out = arena_strndup(arena, text.bytes, text.n_bytes);
    strbuf_clear(&text);
    return err->code;
}

/* --- composing it --- */

static enum err_code compose(const struct metric_query *query, struct arena *arena,
                             const char **out, struct error *err)
{
    const json_t *fields = json_object_get(query->config, "fields");
    struct strbuf list = {0};
    const char *filter = NULL;
    const json_t *field;
    size_t i;

    if (fields && !json_is_null(fields) && !json_is_array(fields))
        return error_because(err, ERR_INVALID, "bad_type", "\"fields\" must be a list of text");
    if (query->scope.scope && scope_filter(query, arena, &filter, err))
        return err->code;
    json_array_foreach (fields, i, field) {
        if (!json_is_string(field)) {
            strbuf_clear(&list);
            return error_because(err, ERR_INVALID, "bad_type", "\"fields\" must be a list of text");
        }
        strbuf_printf(&list, "%s%s", i ? ", " : "", json_string_value(field));
    }
    *out = arena_printf(arena, "SELECT %s FROM %s WHERE %s%s%s",
                        list.n_bytes ? list.bytes : ALL_FIELDS,
                        metric_query_text(query, "metricName"), time_filter(&query->scope, arena),
                        filter ? " AND " : "", filter ? filter : "");
    strbuf_clear(&list);
    return ERR_OK;
}

/* Both "${name}" and "$\{name}", as it is written for pipeline engines that evaluate "${". */
static size_t variable_at(const char *text, const char *name)
{
    size_t n_open = strncmp(text, "${", 2) == 0 ? 2 : strncmp(text, "$\\{", 3) == 0 ? 3 : 0;
    size_t n_name = strlen(name);

    return n_open && strncmp(text + n_open, name, n_name) == 0 && text[n_open + n_name] == '}'
               ? n_open + n_name + 1
               : 0;
}

static enum err_code expand(const struct metric_query *query, const char *template,
                            struct arena *arena, const char **out, struct error *err)
{
    const char *filter;
    struct {
        const char *name, *value;
        bool is_needed, is_found;
    } variables[] = {
        {"timeFilter", time_filter(&query->scope, arena), true, false},
        {"scope", NULL, true, false},
        {"step", arena_printf(arena, "%" PRId64 "s", query->scope.step_s), false, false},
    };
    struct strbuf text = {.max_bytes = TEMPLATE_MAX_EXPANDED_BYTES};

    for (const char *at = template; *at; at++)
        for (size_t i = 0; i < ARRAY_LEN(variables); i++)
            variables[i].is_found |= variable_at(at, variables[i].name) > 0;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        if (variables[i].is_needed && !variables[i].is_found)
            return error_because(err, ERR_INVALID, "undefined_variable",
                                 "${%s} is required in query", variables[i].name);
    if (scope_filter(query, arena, &filter, err))
        return err->code;
    variables[1].value = filter;
    for (const char *at = template; *at;) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(variables) && !n; i++) {
            n = variable_at(at, variables[i].name);
            if (n)
                strbuf_puts(&text, variables[i].value);
        }
        if (!n)
            strbuf_append(&text, at, n = 1);
        at += n;
    }
    if (text.is_full)
        too_large(query, err);
    else
        *out = arena_strndup(arena, text.bytes, text.n_bytes);
    strbuf_clear(&text);
    return err->code;
}

/* --- what it may be --- */

/* Kayenta's list. Case counts, and so do quoted texts. */
static enum err_code check_blocked(const char *text, struct error *err)
{
    static const char *const blocked[] = {
        "SHOW CONTINUOUS QUERIES",
        "SHOW DATABASES",
        "SHOW DIAGNOSTICS",
        "SHOW FIELD",
        "SHOW TAG",
        "SHOW USERS",
        "SHOW GRANTS",
        "SHOW MEASUREMENT",
        "SHOW QUERIES",
        "SHOW RETENTION POLICIES",
        "SHOW SERIES",
        "SHOW SHARD",
        "SHOW STATS",
        "SHOW SUBSCRIPTIONS",
        ";",
        "--",
    };

    for (size_t i = 0; i < ARRAY_LEN(blocked); i++)
        if (strstr(text, blocked[i]))
            return not_allowed(err);
    return ERR_OK;
}

/* Behind a quoted text; where it does not end, the end of all. */
static const char *skip_quoted(const char *at)
{
    char end = *at++;

    while (*at && *at != end)
        at += *at == '\\' && at[1] ? 2 : 1;
    return *at ? at + 1 : at;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* One SELECT without INTO. Quotes hide a word only where there is no slash: with comments, regular
 * expressions and divisions around, what is quoted cannot be told without the server's parser. */
static enum err_code check_select(const char *text, struct error *err)
{
    const char *at = text + strspn(text, " \t\r\n");
    bool has_slash = strchr(text, '/') != NULL;

    if (strncasecmp(at, "SELECT", 6) != 0 || is_word_char(at[6]))
        return not_allowed(err);
    while (*at) {
        size_t n = 0;

        while (is_word_char(at[n]))
            n++;
        if (n == 4 && strncasecmp(at, "INTO", 4) == 0)
            return not_allowed(err);
        at += n;
        if (!has_slash && (*at == '\'' || *at == '"'))
            at = skip_quoted(at);
        else if (n == 0)
            at++;
    }
    return ERR_OK;
}

enum err_code influxdb_query_text(const struct account *account, const struct metric_query *query,
                                  struct arena *arena, const char **out, struct error *err)
{
    struct metric_query asked = *query;
    const char *template = metric_query_text(query, "customInlineTemplate");
    const char *text = NULL;

    if (!template && !metric_query_text(query, "metricName"))
        return error_set(err, ERR_INVALID, "Measurement is required to query metrics");
    if (!query->scope.has_start || !query->scope.has_end)
        return error_because(err, ERR_INVALID, "bad_time", "%s time is required.",
                             query->scope.has_start ? "End" : "Start");
    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    asked.scope = collector_window(account, query);
    if ((template ? expand(&asked, template, arena, &text, err)
                  : compose(&asked, arena, &text, err)) ||
        check_blocked(text, err) || check_select(text, err))
        return err->code;
    if (strlen(text) > TEMPLATE_MAX_EXPANDED_BYTES)
        return too_large(query, err);
    *out = text;
    return ERR_OK;
}
