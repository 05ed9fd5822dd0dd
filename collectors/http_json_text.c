/* Two stages. First the user's expression is expanded like any query template. Then the account's
 * templates are filled; there a value is data: it is not scanned again, and it is escaped for the
 * place it stands in. So no value leaves its place, and none names a host, a path or a header. */
#include "collectors/http_json.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/query_template.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_URL_BYTES 8000u
#define MAX_BODY_BYTES MIB

enum place { PLACE_PATH, PLACE_VALUE, PLACE_BODY };

struct filling {
    const struct account *account;
    const struct metric_query *query;
    const json_t *request;
    const char *expression; /* NULL: none */
    struct tag built_in[20];
    size_t n_built_in;
    struct arena *arena;
    struct error *err;
};

static enum err_code bad(struct filling *f, const char *fmt, const char *value, const char *name)
{
    char text[640];

    (void)snprintf(text, sizeof(text), "%s%.256s%s", fmt, value, name);
    return error_because(f->err, ERR_INVALID, "bad_query", "%s", text);
}

/* --- variables --- */

bool http_json_is_number(const char *name, size_t n_name)
{
    static const char *const names[] = {"step",        "stepMillis", "startSeconds", "endSeconds",
                                        "startMillis", "endMillis",  "startMicros",  "endMicros",
                                        "startNanos",  "endNanos"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == n_name && memcmp(names[i], name, n_name) == 0)
            return true;
    return false;
}

static void set_built_in(struct filling *f, const char *name, const char *value)
{
    f->built_in[f->n_built_in++] = (struct tag){name, value};
}

static const char *number(struct filling *f, int64_t value)
{
    return arena_printf(f->arena, "%" PRId64, value);
}

static void set_time(struct filling *f, bool is_start, int64_t ms)
{
    char text[INSTANT_TEXT_BYTES];

    set_built_in(f, is_start ? "startSeconds" : "endSeconds",
                 number(f, ms / MS_PER_S - (ms % MS_PER_S < 0)));
    set_built_in(f, is_start ? "startMillis" : "endMillis", number(f, ms));
    set_built_in(f, is_start ? "startMicros" : "endMicros", number(f, ms * 1000));
    set_built_in(f, is_start ? "startNanos" : "endNanos", number(f, ms * NS_PER_MS));
    set_built_in(f, is_start ? "startIso" : "endIso",
                 arena_strdup(f->arena, instant_text(ms * NS_PER_MS, text)));
}

static void set_all_built_in(struct filling *f, const struct grid *grid)
{
    char text[INSTANT_TEXT_BYTES];
    int64_t step_s = f->query->scope.step_s;

    set_time(f, true, grid->start_ms);
    set_time(f, false, grid_end_ms(grid));
    set_built_in(f, "step", number(f, step_s));
    set_built_in(f, "stepMillis", number(f, step_s * MS_PER_S));
    set_built_in(f, "stepIso", arena_strdup(f->arena, duration_text(step_s * NS_PER_S, text)));
    set_built_in(f, "metric", f->query->metric_name);
    set_built_in(f, "expression", f->expression);
}

/* What the user says under this name; NULL: nothing. */
static const char *user_value(struct filling *f, const char *name)
{
    const struct scope *scope = &f->query->scope;
    const char *value = json_text_of(json_object_get(f->query->config, "params"), name, f->arena);

    if (!value && strcmp(name, "scope") == 0)
        value = scope->scope;
    if (!value && strcmp(name, "location") == 0)
        value = scope->location;
    for (size_t i = 0; i < scope->n_extended_params; i++)
        if (strcmp(scope->extended_params[i].key, name) == 0)
            value = scope->extended_params[i].value;
    return value;
}

static const char *constant(struct filling *f, const char *name)
{
    const char *value = json_text_of(json_object_get(f->request, "vars"), name, f->arena);

    return value ? value
                 : json_text_of(json_object_get(f->account->options, "vars"), name, f->arena);
}

/* A user's value for the path is one of those that the account lists. */
static enum err_code path_value(struct filling *f, const char *name, const char **out)
{
    const json_t *list = json_object_get(json_object_get(f->request, "pathVars"), name);
    const json_t *allowed;
    size_t i;

    *out = constant(f, name);
    if (!list)
        return ERR_OK;
    if (user_value(f, name))
        *out = user_value(f, name);
    json_array_foreach (list, i, allowed) {
        const char *text = json_scalar_text(allowed, f->arena);

        if (text && *out && strcmp(text, *out) == 0)
            return ERR_OK;
    }
    if (!*out || !**out)
        return ERR_OK; /* not set */
    return error_because(f->err, ERR_INVALID, "bad_query",
                         "http-json value '%.256s' of ${%.64s} is not in the account's list", *out,
                         name);
}

static enum err_code find_value(struct filling *f, enum place place, const char *name,
                                const char **out)
{
    if (place == PLACE_PATH)
        return path_value(f, name, out);
    for (size_t i = 0; i < f->n_built_in; i++) {
        if (strcmp(f->built_in[i].key, name) == 0) {
            *out = f->built_in[i].value;
            return ERR_OK;
        }
    }
    *out = user_value(f, name);
    if (!*out)
        *out = constant(f, name);
    return ERR_OK;
}

/* --- filling --- */

static void add_json_escaped(struct strbuf *out, const char *text)
{
    static const char plain[] = "\b\f\n\r\t", letters[] = "bfnrt";

    for (; *text; text++) {
        const char *known = strchr(plain, *text);

        if (*text == '"' || *text == '\\')
            strbuf_printf(out, "\\%c", *text);
        else if (known)
            strbuf_printf(out, "\\%c", letters[known - plain]);
        else if ((unsigned char)*text < 0x20)
            strbuf_printf(out, "\\u%04x", (unsigned)*text);
        else
            strbuf_append(out, text, 1);
    }
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Where a JSON text is, quote by quote. */
struct json_state {
    bool is_inside, is_escaped;
};

static void follow(struct json_state *state, char c)
{
    if (state->is_escaped)
        state->is_escaped = false;
    else if (state->is_inside && c == '\\')
        state->is_escaped = true;
    else if (c == '"')
        state->is_inside = !state->is_inside;
}

static enum err_code add_value(struct filling *f, enum place place, const struct json_state *state,
                               const char *name, const char *fallback, struct strbuf *out)
{
    static const char *const may_be_unset[] = {"scope", "location", "expression"};
    const char *value;

    if (place == PLACE_BODY && !state->is_inside && !http_json_is_number(name, strlen(name)))
        return bad(f, "http-json variable '", name, "' stands outside a JSON string");
    if (find_value(f, place, name, &value))
        return f->err->code;
    if ((!value || !*value) && fallback)
        value = fallback;
    for (size_t i = 0; place == PLACE_VALUE && !value && i < ARRAY_LEN(may_be_unset); i++)
        if (strcmp(may_be_unset[i], name) == 0)
            value = "";
    if (!value || (!*value && !fallback && place != PLACE_VALUE))
        return bad(f, "http-json variable '", name, "' is not set");
    if (place != PLACE_BODY && has_control(value))
        return bad(f, "http-json value of '", name, "' holds control characters");
    if (place == PLACE_PATH)
        http_percent_encode(out, value);
    else if (place == PLACE_BODY)
        add_json_escaped(out, value);
    else
        strbuf_puts(out, value);
    return ERR_OK;
}

static enum err_code fill(struct filling *f, enum place place, const char *template,
                          struct strbuf *out)
{
    struct json_state state = {0};

    strbuf_puts(out, "");
    while (*template) {
        bool is_literal = strncmp(template, "$${", 3) == 0;
        size_t skip = is_literal                          ? 3
                      : strncmp(template, "${", 2) == 0   ? 2
                      : strncmp(template, "$\\{", 3) == 0 ? 3
                                                          : 0;
        const char *end = skip ? strchr(template + skip, '}') : NULL;
        const char *name, *fallback;

        if (!end) {
            follow(&state, *template);
            strbuf_append(out, template ++, 1);
            continue;
        }
        name = arena_strndup(f->arena, template + skip, (size_t)(end - template) - skip);
        template = end + 1;
        if (is_literal) {
            strbuf_printf(out, "${%s}", name);
            continue;
        }
        fallback = strstr(name, ":-");
        if (fallback) {
            name = arena_strndup(f->arena, name, (size_t)(fallback - name));
            fallback += 2;
        }
        if (add_value(f, place, &state, name, fallback, out))
            return f->err->code;
    }
    return ERR_OK;
}

/* name=value pairs of a query or a form; those without a value are left out. */
static enum err_code fill_pairs(struct filling *f, const json_t *pairs, struct strbuf *out)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)pairs, name, value) {
        struct strbuf text = {.max_bytes = MAX_BODY_BYTES};
        const char *template = json_scalar_text(value, f->arena);
        enum err_code rc = fill(f, PLACE_VALUE, template ? template : "", &text);

        if (!rc && text.n_bytes)
            http_form_add(out, name, text.bytes);
        strbuf_clear(&text);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

/* The user's own text: customInlineTemplate, customFilterTemplate, else expression. */
static enum err_code expand_expression(struct filling *f)
{
    const struct scope *scope = &f->query->scope;
    const json_t *params = json_object_get(f->query->config, "params");
    size_t n = 0;
    struct tag *names =
        arena_array(f->arena, struct tag, 2 + json_object_size(params) + scope->n_extended_params);
    struct template_bindings bindings = {.items = names};
    const char *text, *name;
    json_t *value;

    names[n++] = (struct tag){"scope", scope->scope};
    names[n++] = (struct tag){"location", scope->location};
    json_object_foreach ((json_t *)(uintptr_t)params, name, value)
        names[n++] = (struct tag){name, json_scalar_text(value, f->arena)};
    for (size_t i = 0; i < scope->n_extended_params; i++)
        names[n++] = scope->extended_params[i];
    bindings.n_items = n;
    if (template_find(f->query, &text, f->err))
        return f->err->code;
    if (!text)
        text = metric_query_text(f->query, "expression");
    return text ? template_expand(text, &bindings, f->query->metric_name, f->arena, &f->expression,
                                  f->err)
                : ERR_OK;
}

static enum err_code fill_body(struct filling *f, const char *template, struct strbuf *out)
{
    struct error why = {0};
    json_t *root = NULL;

    if (fill(f, PLACE_BODY, template, out))
        return f->err->code;
    if (json_read(strbuf_view(out), &json_limits_request, &root, &why))
        return error_because(f->err, ERR_INVALID, "bad_query", "http-json body is not JSON: %s",
                             why.message);
    json_decref(root);
    return ERR_OK;
}

enum err_code http_json_text(const struct account *account, const struct metric_query *query,
                             const struct http_json *chosen, struct arena *arena, const char **out,
                             struct error *err)
{
    struct filling f = {
        .account = account, .query = query, .request = chosen->request, .arena = arena, .err = err};
    const char *method = json_string_value(json_object_get(chosen->request, "method"));
    const char *path = json_string_value(json_object_get(chosen->request, "path"));
    const char *template = json_string_value(json_object_get(chosen->request, "body"));
    struct strbuf url = {0}, pairs = {0}, body = {.max_bytes = MAX_BODY_BYTES};
    struct grid grid;

    if ((account->reject_unsafe_values &&
         template_check_scope(&query->scope, query->metric_name, err)) ||
        http_json_window(chosen, &query->scope, &grid, err) || expand_expression(&f))
        return err->code;
    set_all_built_in(&f, &grid);
    if (fill(&f, PLACE_PATH, path ? path : "", &url) ||
        fill_pairs(&f, json_object_get(chosen->request, "query"), &pairs) ||
        (template ? fill_body(&f, template, &body)
                  : fill_pairs(&f, json_object_get(chosen->request, "form"), &body)))
        goto out;
    if (pairs.n_bytes)
        strbuf_printf(&url, "?%s", pairs.bytes);
    if (strlen(account->base_url) + 1 + url.n_bytes > MAX_URL_BYTES || body.is_full)
        error_because(err, ERR_INVALID, "template_too_large",
                      "the request of metric '%s' has a URL over 8,000 bytes or a body over 1 MiB",
                      query->metric_name);
    else
        *out = arena_printf(arena, "%s %s%s%s", method ? method : "GET", url.bytes,
                            body.n_bytes ? "\n\n" : "", body.n_bytes ? body.bytes : "");
out:
    strbuf_clear(&url);
    strbuf_clear(&pairs);
    strbuf_clear(&body);
    return err->code;
}
