#include "collectors/cloudwatch_query.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/query_template.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_EXPRESSION_CHARS 2048u /* the API's own limit */
#define MAX_DIMENSIONS 30u
#define MAX_QUERIES 500u
#define MAX_PERIOD_S 86400

/* One query in the making. */
struct text {
    const struct metric_query *query;
    struct template_bindings bindings;
    int64_t period_s; /* unless an entry has its own */
    struct arena *arena;
    struct error *err;
};

static enum err_code bad(struct text *t, const char *message)
{
    return error_because(t->err, ERR_INVALID, "bad_query", "%s", message);
}

/* --- checks --- */

static bool is_period(int64_t s)
{
    return s == 1 || s == 5 || s == 10 || s == 20 || s == 30 ||
           (s > 0 && s % 60 == 0 && s <= MAX_PERIOD_S);
}

static enum err_code check_period(int64_t period_s, struct error *err)
{
    if (is_period(period_s))
        return ERR_OK;
    return error_because(
        err, ERR_INVALID, "bad_query",
        "CloudWatch period must be 1, 5, 10, 20, 30 or a multiple of 60 seconds up "
        "to 86400, got %" PRId64,
        period_s);
}

/* A percentage with up to ten decimals. */
static bool is_percentage(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    const char *point = strchr(text, '.');

    return isdigit((unsigned char)*text) && strspn(text, "0123456789.") == strlen(text) &&
           *end == '\0' && value >= 0 && value <= 100 && (!point || strlen(point) <= 11);
}

/* "(10%:90%)", "(:0.5)", "(0:0.3)": either bound may be missing, not both. */
static bool is_bounds(const char *text)
{
    size_t n = strlen(text);
    const char *colon = strchr(text, ':');

    return n >= 4 && text[0] == '(' && text[n - 1] == ')' && colon &&
           strspn(text + 1, "0123456789.%:-") == n - 2 && !strchr(colon + 1, ':') && n > 3;
}

static bool is_stat(const char *stat)
{
    static const char *const plain[] = {"SampleCount", "Average", "Sum",
                                        "Minimum",     "Maximum", "IQM"};
    static const char *const cut[] = {"tm", "wm", "tc", "ts"};
    static const char *const bounded[] = {"TM", "WM", "TC", "TS", "PR"};

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(plain[i], stat) == 0)
            return true;
    if (*stat == 'p')
        return is_percentage(stat + 1);
    for (size_t i = 0; i < ARRAY_LEN(cut); i++)
        if (strncmp(cut[i], stat, 2) == 0)
            return is_percentage(stat + 2);
    for (size_t i = 0; i < ARRAY_LEN(bounded); i++)
        if (strncmp(bounded[i], stat, 2) == 0)
            return is_bounds(stat + 2);
    return false;
}

static enum err_code check_id(struct text *t, const json_t *list, const char *id)
{
    bool is_fine = id && islower((unsigned char)*id);
    const json_t *one;
    size_t i;

    for (const char *c = id; is_fine && *c; c++)
        is_fine = isalnum((unsigned char)*c) || *c == '_';
    json_array_foreach (list, i, one)
        if (is_fine && strcmp(json_string_value(json_object_get(one, "Id")), id) == 0)
            return error_because(t->err, ERR_INVALID, "bad_query",
                                 "CloudWatch query id '%.100s' comes twice", id);
    if (is_fine)
        return ERR_OK;
    return error_because(t->err, ERR_INVALID, "bad_query",
                         "CloudWatch query id '%.100s' must start with a lower-case letter and "
                         "hold letters, digits and underscores only.",
                         id ? id : "");
}

/* --- entries --- */

static enum err_code expand(struct text *t, const char *text, const char **out)
{
    return template_expand(text, &t->bindings, t->query->metric_name, t->arena, out, t->err);
}

static const char *text_of(struct text *t, const json_t *object, const char *key)
{
    const char *text = json_text_of(object, key, t->arena);

    return text && *text ? text : NULL;
}

static enum err_code add_dimension(struct text *t, json_t *out, const char *name, const char *value)
{
    const char *expanded;

    if (expand(t, value ? value : "", &expanded))
        return t->err->code;
    if (!name || !*name || !*expanded)
        return error_because(t->err, ERR_INVALID, "bad_query",
                             "CloudWatch dimension '%.256s' is empty.", name ? name : "");
    if (json_array_size(out) == MAX_DIMENSIONS)
        return bad(t, "CloudWatch metrics have at most 30 dimensions");
    json_array_append_new(out, json_pack("{s:s, s:s}", "Name", name, "Value", expanded));
    return ERR_OK;
}

/* An object of values by name, or a list of {name, value}. */
static enum err_code add_dimensions(struct text *t, const json_t *given, json_t *metric)
{
    json_t *out = json_array();
    const char *name;
    json_t *value;
    size_t i;

    json_object_set_new(metric, "Dimensions", out);
    if (given && !json_is_null(given) && !json_is_object(given) && !json_is_array(given))
        return bad(t, "CloudWatch dimensions must be an object, or a list of name and value");
    json_object_foreach ((json_t *)(uintptr_t)given, name, value)
        if (add_dimension(t, out, name, json_scalar_text(value, t->arena)))
            return t->err->code;
    json_array_foreach (given, i, value)
        if (add_dimension(t, out, json_text_of(value, "name", t->arena),
                          json_text_of(value, "value", t->arena)))
            return t->err->code;
    if (json_array_size(out) == 0)
        json_object_del(metric, "Dimensions");
    return ERR_OK;
}

static enum err_code read_period(struct text *t, const json_t *object, int64_t *out)
{
    const json_t *given = json_object_get(object, "period");
    double number;

    *out = t->period_s;
    if (given && !json_is_null(given)) {
        if (!json_to_double(given, &number) || number != floor(number) || fabs(number) > 1e9)
            number = -1;
        *out = (int64_t)number;
    }
    return check_period(*out, t->err);
}

static enum err_code set_expanded(struct text *t, json_t *entry, const char *key, const char *text)
{
    const char *expanded = NULL;

    if (text && expand(t, text, &expanded))
        return t->err->code;
    json_set_text(entry, key, expanded);
    return ERR_OK;
}

/* {"Id":..,"MetricStat":{...}} from a query config or a helper. */
static enum err_code fill_metric(struct text *t, const json_t *from, json_t *entry)
{
    const char *stat = text_of(t, from, "stat");
    json_t *metric_stat = json_object(), *metric = json_object();
    const char *namespace = text_of(t, from, "namespace");
    int64_t period_s;

    json_object_set_new(entry, "MetricStat", metric_stat);
    json_object_set_new(metric_stat, "Metric", metric);
    if (!namespace)
        return bad(t, "CloudWatch namespace is required when metricName is given.");
    if (stat && !is_stat(stat))
        return error_because(t->err, ERR_INVALID, "bad_query",
                             "CloudWatch stat '%.100s' is not known.", stat);
    if (set_expanded(t, metric, "Namespace", namespace) ||
        set_expanded(t, metric, "MetricName", text_of(t, from, "metricName")) ||
        add_dimensions(t, json_object_get(from, "dimensions"), metric) ||
        read_period(t, from, &period_s))
        return t->err->code;
    json_object_set_new(metric_stat, "Period", json_integer(period_s));
    json_set_text(metric_stat, "Stat", stat ? stat : "Average");
    json_set_text(metric_stat, "Unit", text_of(t, from, "unit"));
    return ERR_OK;
}

static enum err_code fill_expression(struct text *t, const json_t *from, const char *expression,
                                     json_t *entry)
{
    int64_t period_s;

    if (strlen(expression) > MAX_EXPRESSION_CHARS)
        return bad(t, "CloudWatch expression is longer than 2048 characters");
    if (read_period(t, from, &period_s))
        return t->err->code;
    json_set_text(entry, "Expression", expression);
    json_object_set_new(entry, "Period", json_integer(period_s));
    return ERR_OK;
}

/* A new entry of the list; with `expression` NULL, the metric that `from` names. Label is for the
 * one whose data comes. */
static enum err_code add_entry(struct text *t, json_t *list, const char *id, const json_t *from,
                               const char *expression, bool is_returned)
{
    json_t *entry = json_object();
    const char *account;

    if (check_id(t, list, id)) {
        json_decref(entry);
        return t->err->code;
    }
    if (json_array_size(list) == MAX_QUERIES) {
        json_decref(entry);
        return bad(t, "CloudWatch takes at most 500 queries in one call");
    }
    json_set_text(entry, "Id", id);
    json_array_append_new(list, entry);
    if (expression ? fill_expression(t, from, expression, entry) : fill_metric(t, from, entry))
        return t->err->code;
    account = expression && is_returned ? NULL : text_of(t, from, "accountId");
    if (is_returned && set_expanded(t, entry, "Label", text_of(t, t->query->config, "label")))
        return t->err->code;
    json_object_set_new(entry, "ReturnData", json_boolean(is_returned));
    json_set_text(entry, "AccountId", account);
    return ERR_OK;
}

static enum err_code add_helpers(struct text *t, json_t *list)
{
    const json_t *helpers = json_object_get(t->query->config, "queries");
    const json_t *helper;
    size_t i;

    if (helpers && !json_is_null(helpers) && !json_is_array(helpers))
        return bad(t, "CloudWatch queries must be a list");
    json_array_foreach (helpers, i, helper) {
        const char *expression = text_of(t, helper, "expression");

        if (expression && expand(t, expression, &expression))
            return t->err->code;
        if (!expression && !text_of(t, helper, "metricName"))
            return bad(t, "CloudWatch query needs metricName or an expression.");
        if (add_entry(t, list, json_string_value(json_object_get(helper, "id")), helper, expression,
                      false))
            return t->err->code;
    }
    return ERR_OK;
}

/* --- the array itself --- */

static enum err_code read_array(struct text *t, const char *text, json_t **out)
{
    struct error why = {0};
    json_t *entry;
    size_t i;

    if (json_read(str_of(text), &json_limits_request, out, &why))
        return error_because(t->err, ERR_INVALID, "bad_query",
                             "CloudWatch queries cannot be read: %s", why.message);
    json_keep(*out, t->arena);
    json_array_foreach (*out, i, entry) {
        json_t *stat = json_object_get(entry, "MetricStat");
        json_t *at = stat ? stat : entry;

        if (!json_is_object(at))
            return bad(t, "CloudWatch queries must be a list of objects");
        if (!json_object_get(at, "Period"))
            json_object_set_new(at, "Period", json_integer(t->period_s));
    }
    return ERR_OK;
}

/* --- the text --- */

static const char *trimmed(const char *text, struct arena *arena)
{
    size_t n;

    while (isspace((unsigned char)*text))
        text++;
    for (n = strlen(text); n && isspace((unsigned char)text[n - 1]);)
        n--;
    return arena_strndup(arena, text, n);
}

static bool is_select(const char *text)
{
    return strncasecmp(text, "SELECT", strlen("SELECT")) == 0 &&
           !isalnum((unsigned char)text[strlen("SELECT")]) && text[strlen("SELECT")] != '_';
}

/* A number as text; in `arena`. */
static const char *number(int64_t value, struct arena *arena)
{
    return arena_printf(arena, "%" PRId64, value);
}

static enum err_code find_text(struct text *t, const char **out)
{
    const char *expression = text_of(t, t->query->config, "expression");

    if (template_find(t->query, out, t->err))
        return t->err->code;
    if (!*out)
        *out = expression;
    if (*out && expand(t, *out, out))
        return t->err->code;
    if (*out)
        *out = trimmed(*out, t->arena);
    if (*out && !**out)
        *out = NULL;
    return ERR_OK;
}

static enum err_code make_list(struct text *t, json_t **out)
{
    const json_t *config = t->query->config;
    bool has_metric = text_of(t, config, "metricName") != NULL;
    const char *text;

    if (find_text(t, &text))
        return t->err->code;
    if (!text && !has_metric)
        return bad(t, "CloudWatch query needs metricName or an expression.");
    if (text && *text == '[')
        return read_array(t, text, out);
    *out = json_keep(json_array(), t->arena);
    if (!text)
        return add_entry(t, *out, "m1", config, NULL, true);
    if (is_select(text))
        return add_entry(t, *out, "q1", config, text, true);
    if (has_metric && strncmp(text, "SEARCH(", strlen("SEARCH(")) != 0 &&
        add_entry(t, *out, "m1", config, NULL, false))
        return t->err->code;
    if (add_helpers(t, *out))
        return t->err->code;
    return add_entry(t, *out, "e1", config, text, true);
}

enum err_code cloudwatch_query_text(const struct account *account, const struct metric_query *query,
                                    struct arena *arena, const char **out, struct error *err)
{
    const struct scope *scope = &query->scope;
    struct text t = {.query = query, .period_s = scope->step_s, .arena = arena, .err = err};
    struct tag *names = arena_array(arena, struct tag, 6 + scope->n_extended_params);
    struct strbuf text = {.max_bytes = MIB};
    json_t *list;

    if (account->reject_unsafe_values && template_check_scope(scope, query->metric_name, err))
        return err->code;
    if (read_period(&t, query->config, &t.period_s))
        return err->code;
    names[0] = (struct tag){"scope", scope->scope};
    names[1] = (struct tag){"location", scope->location};
    names[2] = (struct tag){"step", number(scope->step_s, arena)};
    names[3] = (struct tag){"period", number(t.period_s, arena)};
    names[4] = (struct tag){"startEpochSeconds", number(scope->start_unix_ns / NS_PER_S, arena)};
    names[5] = (struct tag){"endEpochSeconds", number(scope->end_unix_ns / NS_PER_S, arena)};
    if (scope->n_extended_params)
        memcpy(names + 6, scope->extended_params, scope->n_extended_params * sizeof(*names));
    t.bindings =
        (struct template_bindings){.items = names, .n_items = 6 + scope->n_extended_params};
    if (make_list(&t, &list))
        return err->code;
    json_write(list, &text);
    if (text.is_full)
        error_because(err, ERR_INVALID, "template_too_large",
                      "the query of metric '%s' is larger than 1 MiB", query->metric_name);
    else
        *out = arena_strndup(arena, text.bytes, text.n_bytes);
    strbuf_clear(&text);
    return err->code;
}

/* --- reading it back --- */

static bool is_returned(const json_t *entry)
{
    return !json_is_false(json_object_get(entry, "ReturnData"));
}

enum err_code cloudwatch_queries_read(const struct metric_query *query, const char *text,
                                      struct arena *arena, struct cloudwatch_queries *out,
                                      struct error *err)
{
    struct error why = {0};
    const json_t *entry, *period = NULL;
    double period_s;
    size_t i;

    *out = (struct cloudwatch_queries){0};
    if (json_read(str_of(text), &json_limits_request, &out->list, &why))
        return error_because(err, ERR_INVALID, "bad_query", "CloudWatch queries cannot be read: %s",
                             why.message);
    json_keep(out->list, arena);
    json_array_foreach (out->list, i, entry) {
        const json_t *stat = json_object_get(entry, "MetricStat");

        if (!is_returned(entry))
            continue;
        if (out->n_returned++ == 0)
            period = json_object_get(stat ? stat : entry, "Period");
    }
    if (!json_is_array(out->list) || out->n_returned == 0)
        return error_because(err, ERR_INVALID, "bad_query",
                             "CloudWatch queries must be a list, and return data of one at least");
    period_s = period ? json_number_value(period) : (double)query->scope.step_s;
    if (!(period_s >= 1 && period_s <= MAX_PERIOD_S))
        period_s = 0;
    if (check_period((int64_t)period_s, err))
        return err->code;
    return grid_of_scope(&query->scope, (int64_t)period_s, true, &out->grid, err);
}

const json_t *cloudwatch_query_find(const struct cloudwatch_queries *queries, const char *id)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (queries->list, i, entry) {
        const char *its = json_string_value(json_object_get(entry, "Id"));

        if (its && strcmp(its, id) == 0)
            return is_returned(entry) ? entry : NULL;
    }
    return NULL;
}

bool cloudwatch_query_has_labels(const json_t *entry)
{
    const char *text = json_string_value(json_object_get(entry, "Expression"));

    return text && (strstr(text, "SEARCH(") || (is_select(text) && strcasestr(text, "GROUP BY")));
}
