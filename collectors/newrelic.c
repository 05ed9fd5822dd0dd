/* collectors/newrelic.c -- NRQL over New Relic's Insights query API, or over NerdGraph.
 *
 * Both give the same document: one entry of `timeSeries` for each bucket, whose `results` hold what
 * was selected. NerdGraph (account key api) wraps it and reports errors with status 200. NRQL
 * allows 366 buckets, so a reply is small and read as a tree. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/limits.h"
#include "collectors/query_template.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INSIGHTS_URL "https://insights-api.newrelic.com"
#define NERDGRAPH_URL "https://api.newrelic.com/graphql"
#define TOTAL_TIMEOUT_MS 90000
#define MAX_BUCKETS 366 /* NRQL's own limit for TIMESERIES */
#define MAX_ACCOUNT_ID_DIGITS 15u
#define SELECT "SELECT"
#define NERDGRAPH_QUERY                                                                            \
    "query($id: Int!, $nrql: Nrql!) { actor { account(id: $id) { nrql(query: $nrql, timeout: 70) " \
    "{ rawResponse results metadata { timeWindow { begin end since until } } } } } }"

/* --- the account --- */

static bool asks_nerdgraph(const json_t *config)
{
    const char *api = json_string_value(json_object_get(config, "api"));

    return api && strcasecmp(api, "nerdgraph") == 0;
}

static const char *newrelic_default_url(const json_t *config, struct arena *arena)
{
    (void)arena;
    return asks_nerdgraph(config) ? NERDGRAPH_URL : INSIGHTS_URL;
}

/* The number of the account at New Relic, which Kayenta calls applicationKey; NULL: not given. */
static const char *account_id(const struct account *account, struct arena *arena)
{
    const char *id = json_text_of(account->options, "applicationKey", arena);

    return id && *id ? id : NULL;
}

static bool is_number(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n <= MAX_ACCOUNT_ID_DIGITS && text[n] == '\0';
}

static enum err_code newrelic_check_account(const struct account *account, struct error *err)
{
    const char *api = json_string_value(json_object_get(account->options, "api"));
    const char *key = asks_nerdgraph(account->options) ? "userKey" : "apiKey";
    struct arena *arena = arena_create();
    const char *id = account_id(account, arena);

    if (api && strcasecmp(api, "insights") != 0 && !asks_nerdgraph(account->options))
        error_set(err, ERR_SETTINGS, "\"api\" must be insights or nerdgraph");
    else if (!id || !is_number(id))
        error_set(err, ERR_SETTINGS,
                  "\"applicationKey\" must be the number of the account at New Relic");
    else if (!account_has_key(account, key))
        error_set(err, ERR_SETTINGS, "it lacks \"%s\"", key);
    arena_free(arena);
    return err->code;
}

/* --- the query text --- */

static enum err_code check_quoted(const struct metric_query *query, const char *name,
                                  const char *value, struct error *err)
{
    return template_check_quoted(name, value, '\'', query->metric_name, err);
}

/* <key> LIKE '<value>', behind what is there. */
static enum err_code add_condition(const struct metric_query *query, const char *key,
                                   const char *value, struct strbuf *out, struct error *err)
{
    if (strpbrk(key, "'\"\\\r\n"))
        return error_because(err, ERR_INVALID, "unsafe_template_value",
                             "the name \"%.64s\" of a parameter cannot stand in the query of "
                             "metric '%s'",
                             key, query->metric_name);
    if (check_quoted(query, key, value, err))
        return err->code;
    strbuf_printf(out, "%s%s LIKE '%s'", out->n_bytes ? " AND " : "", key, value);
    return ERR_OK;
}

static const char *scope_key(const struct account *account, const struct metric_query *query,
                             const char *param, const char *option)
{
    const char *key = metric_query_param(query, param);

    if (!key)
        key = json_string_value(json_object_get(account->options, option));
    return key && *key ? key : NULL;
}

static enum err_code add_conditions(const struct account *account, const struct metric_query *query,
                                    struct strbuf *out, struct error *err)
{
    const struct scope *scope = &query->scope;
    const char *key = scope_key(account, query, "_scope_key", "defaultScopeKey");
    const char *location_key = scope_key(account, query, "_location_key", "defaultLocationKey");
    const char *q = metric_query_text(query, "q");

    if (!key)
        return error_set(err, ERR_INVALID,
                         "The NewRelic account must define a default scope key or it must be "
                         "supplied in the extendedScopeParams in the `_scope_key` key");
    if (!scope->scope || scope->scope[0] == '\0')
        return error_set(err, ERR_INVALID, "Scope is required by NewRelic queries.");
    if (q)
        strbuf_puts(out, q);
    for (size_t i = 0; i < scope->n_extended_params; i++)
        if (scope->extended_params[i].key[0] != '_' &&
            add_condition(query, scope->extended_params[i].key, scope->extended_params[i].value,
                          out, err))
            return err->code;
    if (add_condition(query, key, scope->scope, out, err) ||
        (location_key && scope->location && scope->location[0] != '\0' &&
         add_condition(query, location_key, scope->location, out, err)))
        return err->code;
    return ERR_OK;
}

static enum err_code check_buckets(const struct scope *scope, struct error *err)
{
    int64_t window_s = (scope->end_unix_ns - scope->start_unix_ns) / NS_PER_S;

    if (scope->step_s == 0 || window_s / scope->step_s <= MAX_BUCKETS)
        return ERR_OK;
    error_because(err, ERR_INVALID, "too_many_points",
                  "NRQL allows %d buckets, and the window has %" PRId64 " steps of %" PRId64
                  " seconds; a step of %" PRId64 " seconds would fit",
                  MAX_BUCKETS, window_s / scope->step_s, scope->step_s,
                  (window_s + MAX_BUCKETS - 1) / MAX_BUCKETS);
    return error_point(err, "/step");
}

static enum err_code compose(const struct account *account, const struct metric_query *query,
                             const struct scope *scope, struct arena *arena, const char **out,
                             struct error *err)
{
    const char *select = metric_query_text(query, "select");
    const char *step = "MAX";
    struct strbuf conditions = {0};

    if (!select)
        return error_set(err, ERR_INVALID,
                         "A \"select\" is required when no custom filter template is given.");
    if (check_buckets(scope, err))
        return err->code;
    if (scope->step_s)
        step = arena_printf(arena, "%" PRId64 " seconds", scope->step_s);
    if (strncmp(select, SELECT, strlen(SELECT)) != 0) {
        size_t n;

        select += strspn(select, " \t\r\n");
        for (n = strlen(select); n > 0 && strchr(" \t\r\n", select[n - 1]); n--)
            ;
        select = arena_printf(arena, SELECT " %.*s", (int)n, select);
    }
    if (add_conditions(account, query, &conditions, err) == ERR_OK)
        *out = arena_printf(arena, "%s TIMESERIES %s SINCE %" PRId64 " UNTIL %" PRId64 " WHERE %s",
                            select, step, scope->start_unix_ns / NS_PER_S,
                            scope->end_unix_ns / NS_PER_S, conditions.bytes);
    strbuf_clear(&conditions);
    return err->code;
}

static enum err_code newrelic_query_text(const struct account *account,
                                         const struct metric_query *query, struct arena *arena,
                                         const char **out, struct error *err)
{
    const struct scope scope = collector_window(account, query);
    const struct tag named[] = {
        {"scope", scope.scope},
        {"location", scope.location},
        {"step", arena_printf(arena, "%" PRId64, scope.step_s)},
        {"startEpochSeconds", arena_printf(arena, "%" PRId64, scope.start_unix_ns / NS_PER_S)},
        {"endEpochSeconds", arena_printf(arena, "%" PRId64, scope.end_unix_ns / NS_PER_S)},
    };

    if (account->reject_unsafe_values &&
        template_check_scope(&query->scope, query->metric_name, err))
        return err->code;
    if (template_expand_query(query, named, ARRAY_LEN(named), account->reject_unsafe_values, arena,
                              out, err) ||
        (!*out && compose(account, query, &scope, arena, out, err)))
        return err->code;
    if (strlen(*out) > TEMPLATE_MAX_EXPANDED_BYTES)
        return error_because(err, ERR_INVALID, "template_too_large",
                             "the query of metric '%s' is larger than %u bytes", query->metric_name,
                             TEMPLATE_MAX_EXPANDED_BYTES);
    return ERR_OK;
}

/* --- the request --- */

static bool has_error_class(const json_t *root, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach (json_object_get(root, "errors"), i, one) {
        const char *class =
            json_string_value(json_object_get(json_object_get(one, "extensions"), "errorClass"));

        if (class && strcmp(class, name) == 0)
            return true;
    }
    return false;
}

/* NerdGraph says with status 200 what would be a 408, 429 or 500 elsewhere. */
static enum reply_advice nerdgraph_advice(long status, struct str body)
{
    static const char *const passing[] = {"TIMEOUT", "SERVER_ERROR", "TOO_MANY_REQUESTS"};
    const struct http_response reply = {
        .status = status, .body = body.bytes, .n_body_bytes = body.n_bytes};
    json_auto_t *root = NULL;

    if (status != 200 || !body.n_bytes ||
        !memmem(body.bytes, body.n_bytes, "\"errorClass\"", strlen("\"errorClass\"")))
        return REPLY_BY_STATUS;
    root = collector_error_json(&reply);
    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (has_error_class(root, passing[i]))
            return REPLY_ASK_AGAIN;
    return REPLY_BY_STATUS;
}

static enum err_code build_nerdgraph(const struct account *account, const char *text,
                                     struct arena *arena, struct http_request *out,
                                     struct error *err)
{
    const char *id = account_id(account, arena);
    json_auto_t *body = json_pack("{s:s, s:{s:I, s:s}}", "query", NERDGRAPH_QUERY, "variables",
                                  "id", (json_int_t)(id ? strtoll(id, NULL, 10) : 0), "nrql", text);

    out->method = "POST";
    out->url = account->base_url;
    out->body = json_write_arena(body, arena);
    out->n_body_bytes = strlen(out->body);
    out->advice = nerdgraph_advice;
    if (http_request_header(out, arena, "Content-Type", "application/json", err))
        return err->code;
    return account_sign_key(account, "userKey", "API-Key", "", arena, out, err);
}

static enum err_code build_insights(const struct account *account, const char *text,
                                    struct arena *arena, struct http_request *out,
                                    struct error *err)
{
    const char *id = account_id(account, arena);
    struct strbuf url = {0};
    struct strbuf form = {0};

    strbuf_printf(&url, "%s/v1/accounts/", account->base_url);
    http_percent_encode(&url, id ? id : "");
    http_form_add(&form, "nrql", text);
    strbuf_printf(&url, "/query?%s", form.bytes);
    out->method = "GET";
    out->url = arena_strdup(arena, url.bytes);
    strbuf_clear(&form);
    strbuf_clear(&url);
    return account_sign_key(account, "apiKey", "X-Query-Key", "", arena, out, err);
}

static enum err_code newrelic_build(const struct account *account, const struct metric_query *query,
                                    const char *text, struct arena *arena,
                                    struct http_request_list *out, struct error *err)
{
    (void)query; /* the text holds the window */
    out->n_requests = 1;
    out->requests = arena_new(arena, struct http_request);
    return asks_nerdgraph(account->options)
               ? build_nerdgraph(account, text, arena, out->requests, err)
               : build_insights(account, text, arena, out->requests, err);
}

/* --- the reply --- */

static enum err_code bad(struct error *err, const char *what)
{
    return error_because(err, ERR_UPSTREAM, "store_bad_response",
                         "the reply is not what an NRQL query is answered with: %s", what);
}

/* The messages of NerdGraph's errors, or Insights' own; NULL: there is no error. */
static const char *words_of(const json_t *root, struct arena *arena)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *list = json_object_get(root, "errors");
    struct strbuf out = {.max_bytes = STORE_ERROR_BODY_BYTES};
    const json_t *one;
    const char *copy;
    size_t i;

    if (error && !json_is_null(error))
        return json_is_string(error) ? json_string_value(error) : "no reason given";
    if (json_array_size(list) == 0)
        return NULL;
    json_array_foreach (list, i, one) {
        const char *message = json_string_value(json_object_get(one, "message"));

        strbuf_printf(&out, "%s%s", i ? "; " : "", message ? message : "no reason given");
    }
    copy = arena_strdup(arena, out.bytes ? out.bytes : "");
    strbuf_clear(&out);
    return copy;
}

/* What was selected: its score (apdex), or the first member as written. */
static const json_t *first_of(const json_t *object)
{
    const json_t *score = json_object_get(object, "score");
    void *first = json_object_iter((json_t *)(uintptr_t)object);

    return score || !first ? score : json_object_iter_value(first);
}

static enum err_code read_bucket(const json_t *bucket, double *out, struct error *err)
{
    const json_t *count = json_object_get(bucket, "inspectedCount");
    const json_t *results = json_object_get(bucket, "results");
    const json_t *value = first_of(json_array_get(results, 0));
    double number;

    *out = NAN;
    if (json_is_object(value)) /* {"percentiles":{"95":0.125}} */
        value = first_of(value);
    if (!value)
        return bad(err, "a bucket has no result");
    if (json_is_null(value) || (json_to_double(count, &number) && number == 0))
        return ERR_OK;
    if (!json_to_double(value, out))
        return bad(err, "the result of a bucket is not a number");
    return ERR_OK;
}

/* The distance between the first two buckets that differ. */
static int64_t step_of(const json_t *buckets)
{
    const json_t *bucket;
    double first = NAN, begin;
    size_t i;

    json_array_foreach (buckets, i, bucket) {
        if (!json_to_double(json_object_get(bucket, "beginTimeSeconds"), &begin))
            continue;
        if (isnan(first))
            first = begin;
        else if (begin > first && begin - first < REQUEST_MAX_WINDOW_S)
            return (int64_t)(begin - first) * MS_PER_S;
    }
    return 0;
}

static enum err_code read_time(const json_t *metadata, const char *key, int64_t *out,
                               struct error *err)
{
    double ms;

    if (!json_to_double(json_object_get(metadata, key), &ms) || !(fabs(ms) < 1e14))
        return bad(err, "its metadata has no begin or no end");
    *out = (int64_t)ms;
    return ERR_OK;
}

static enum err_code read_document(const json_t *document, const struct metric_query *query,
                                   const char *text, struct metric_set_list *out, struct error *err)
{
    const json_t *buckets = json_object_get(document, "timeSeries");
    const json_t *metadata = json_object_get(document, "metadata");
    struct metric_set *set;
    const json_t *bucket;
    size_t i;

    if (!json_is_array(buckets))
        return bad(err, "query must use TIMESERIES and no FACET");
    set = collector_placeholder(query, text, out);
    if (read_time(metadata, "beginTimeMillis", &set->start_unix_ms, err) ||
        read_time(metadata, "endTimeMillis", &set->end_unix_ms, err))
        return err->code;
    if (set->end_unix_ms < set->start_unix_ms)
        return bad(err, "it ends before it begins");
    if (set->step_ms == 0)
        set->step_ms = step_of(buckets);
    set->n_values = json_array_size(buckets);
    set->values = arena_array(out->arena, double, set->n_values);
    json_array_foreach (buckets, i, bucket)
        if (read_bucket(bucket, &set->values[i], err))
            return error_context(err, "bucket %zu", i);
    return ERR_OK;
}

static const json_t *member_at(const json_t *root, const char *const *path, size_t n_path)
{
    for (size_t i = 0; i < n_path; i++)
        root = json_object_get(root, path[i]);
    return root;
}

static enum err_code newrelic_parse(const struct account *account, const struct metric_query *query,
                                    const char *text, const struct http_response *replies,
                                    size_t n_replies, struct metric_set_list *out,
                                    struct error *err)
{
    static const char *const raw[] = {"data", "actor", "account", "nrql", "rawResponse"};
    struct error why = {0};
    json_auto_t *root = NULL;
    const char *words;

    (void)n_replies; /* always one */
    if (replies[0].n_body_bytes > MIB)
        return error_because(err, ERR_UPSTREAM, "store_response_too_large",
                             "the reply is larger than 1 MiB, far more than %d buckets need",
                             MAX_BUCKETS);
    if (json_read((struct str){replies[0].body, replies[0].n_body_bytes}, &json_limits_reply, &root,
                  &why))
        return error_because(err, ERR_UPSTREAM, "store_bad_response", "the reply is not JSON: %s",
                             why.message);
    words = words_of(root, out->arena);
    if (words)
        return error_because(
            err, ERR_UPSTREAM, "store_error", "the query failed: %s",
            collector_shown(account, words, strlen(words), STORE_ERROR_BODY_BYTES, out->arena));
    return read_document(asks_nerdgraph(account->options) ? member_at(root, raw, ARRAY_LEN(raw))
                                                          : root,
                         query, text, out, err);
}

static const char *newrelic_error_text(const struct account *account,
                                       const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *words = words_of(root, arena);

    (void)account;
    return words ? arena_strdup(arena, words) : NULL;
}

const struct collector_type collector_newrelic = {
    .name = "newrelic",
    .default_url = newrelic_default_url,
    .total_timeout_ms = TOTAL_TIMEOUT_MS,
    .check_account = newrelic_check_account,
    .query_text = newrelic_query_text,
    .build = newrelic_build,
    .parse = newrelic_parse,
    .error_text = newrelic_error_text,
    .probe_text = "SELECT count(*) FROM Transaction",
};
