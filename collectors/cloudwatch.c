/* collectors/cloudwatch.c -- metrics of Amazon CloudWatch, by GetMetricData over its JSON protocol.
 *
 * One POST asks for a list of queries, of which some return data; the answer comes page by page,
 * in any order within. A series is an id with a label. Windows are aligned to the period: the
 * service would do that on its own, and differently for the two sides. The fetch engine signs. */
#include "collectors/collector.h"

#include "base/instant.h"
#include "base/json.h"
#include "collectors/aws_credentials.h"
#include "collectors/cloudwatch_query.h"
#include "collectors/cloudwatch_reply.h"

#include <inttypes.h>
#include <string.h>

#define TARGET "GraniteServiceVersion20100801."
#define CONTENT_TYPE "application/x-amz-json-1.0"
#define DEFAULT_REGION "us-east-1" /* only for showing what an account without one would ask */
#define RECENTLY "PT3H"
#define DAY_S 86400
#define DEFAULT_SETTLE_S 180

/* --- the account --- */

static const char *cloudwatch_default_url(const json_t *config, struct arena *arena)
{
    const char *region = aws_region(config, arena);

    if (!region)
        region = DEFAULT_REGION;
    return arena_printf(arena, "https://monitoring.%s.amazonaws.com%s", region,
                        strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static const char *option(const struct account *account, const char *key)
{
    const char *text = json_string_value(json_object_get(account->options, key));

    return text && *text ? text : NULL;
}

static bool accepts_partial(const struct account *account)
{
    const char *text = option(account, "partialData");

    return text && strcmp(text, "accept") == 0;
}

static enum err_code cloudwatch_check_account(const struct account *account, struct error *err)
{
    const char *partial = option(account, "partialData");

    if (!account->sigv4 || !account->sigv4->region)
        return error_set(err, ERR_SETTINGS, "it lacks \"region\"");
    if (partial && strcmp(partial, "accept") != 0 && strcmp(partial, "refuse") != 0)
        return error_set(err, ERR_SETTINGS, "\"partialData\" must be refuse or accept");
    return ERR_OK;
}

/* --- requests --- */

static bool has_text(struct str body, const char *text)
{
    return body.n_bytes && memmem(body.bytes, body.n_bytes, text, strlen(text));
}

/* Quotas come as 400; results that are not finished as 200. */
static enum reply_advice advice_accepting(long status, struct str body)
{
    static const char *const later[] = {"Throttling", "TooManyRequests", "RequestLimitExceeded",
                                        "LimitExceeded"};

    if (status == 200)
        return has_text(body, "\"InternalError\"") ? REPLY_ASK_AGAIN : REPLY_BY_STATUS;
    for (size_t i = 0; status == 400 && i < ARRAY_LEN(later); i++)
        if (has_text(body, later[i]))
            return REPLY_ASK_AGAIN;
    return REPLY_BY_STATUS;
}

static enum reply_advice advice_refusing(long status, struct str body)
{
    if (status == 200 && has_text(body, "\"PartialData\"") && !has_text(body, "\"NextToken\""))
        return REPLY_ASK_AGAIN;
    return advice_accepting(status, body);
}

static enum err_code post(const struct account *account, const char *operation, const json_t *body,
                          struct arena *arena, struct http_request *out, struct error *err)
{
    out->method = "POST";
    out->url = arena_printf(arena, "%s/", account->base_url);
    out->body = json_write_arena(body, arena);
    out->n_body_bytes = strlen(out->body);
    out->advice = accepts_partial(account) ? advice_accepting : advice_refusing;
    if (http_request_header(out, arena, "Content-Type", CONTENT_TYPE, err) ||
        http_request_header(out, arena, "X-Amz-Target", arena_printf(arena, TARGET "%s", operation),
                            err))
        return err->code;
    return ERR_OK;
}

static enum err_code ask(const struct account *account, const struct cloudwatch_queries *queries,
                         const char *token, struct arena *arena, struct http_request_list *out,
                         struct error *err)
{
    json_auto_t *body = json_pack("{s:I, s:I, s:s, s:O}", "StartTime",
                                  (json_int_t)(queries->grid.start_ms / MS_PER_S), "EndTime",
                                  (json_int_t)(grid_end_ms(&queries->grid) / MS_PER_S), "ScanBy",
                                  "TimestampAscending", "MetricDataQueries", queries->list);

    json_set_text(body, "NextToken", token);
    out->n_requests = 1;
    out->requests = arena_new(arena, struct http_request);
    return post(account, "GetMetricData", body, arena, out->requests, err);
}

static enum err_code cloudwatch_build(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      struct arena *arena, struct http_request_list *out,
                                      struct error *err)
{
    struct cloudwatch_queries queries;

    if (cloudwatch_queries_read(query, text, arena, &queries, err))
        return err->code;
    return ask(account, &queries, NULL, arena, out, err);
}

/* NULL: it cannot be read, which parse will say. */
static enum err_code cloudwatch_next(const struct account *account,
                                     const struct metric_query *query, const char *text,
                                     const struct http_response *replies, size_t n_replies,
                                     struct arena *arena, struct http_request_list *more,
                                     struct error *err)
{
    struct error ignored = {0};
    json_auto_t *root = cloudwatch_reply_page(&replies[n_replies - 1], &ignored);
    const char *token = json_string_value(json_object_get(root, "NextToken"));
    struct cloudwatch_queries queries;

    if (!token || !*token || json_object_get(root, "__type"))
        return ERR_OK;
    if (cloudwatch_queries_read(query, text, arena, &queries, err))
        return err->code;
    return ask(account, &queries, arena_strdup(arena, token), arena, more, err);
}

/* Page tokens age. */
static bool cloudwatch_has_lost_page(const struct http_response *reply)
{
    return reply->status == 400 &&
           has_text((struct str){reply->body, reply->n_body_bytes}, "InvalidNextToken");
}

/* --- replies --- */

static enum err_code cloudwatch_parse(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      const struct http_response *replies, size_t n_replies,
                                      struct metric_set_list *out, struct error *err)
{
    const struct cloudwatch_question question = {account, query, text, accepts_partial(account)};

    return cloudwatch_replies_read(&question, replies, n_replies, out, err);
}

static const char *cloudwatch_error_text(const struct account *account,
                                         const struct http_response *reply, struct arena *arena)
{
    json_auto_t *root = collector_error_json(reply);
    const char *words = cloudwatch_reply_words(root, arena);

    (void)account;
    return words ? arena_strdup(arena, words) : NULL;
}

/* --- what is not kept --- */

static int64_t settle_s(const struct account *account)
{
    double s;

    return json_to_double(json_object_get(account->options, "settleSeconds"), &s) && s >= 0 &&
                   s < DAY_S
               ? (int64_t)s
               : DEFAULT_SETTLE_S;
}

/* The last points come late. How fine a period is kept for how long: a finer one gives no points
 * and no error. */
static const char *cloudwatch_caution(const struct account *account,
                                      const struct metric_query *query, const char *text,
                                      int64_t now_unix_ms, struct arena *arena)
{
    static const struct {
        int64_t older_than_s, period_s; /* 0: nothing is kept */
        const char *age;
    } kept[] = {
        {455 * DAY_S, 0, "455 days"},
        {63 * DAY_S, 3600, "63 days"},
        {15 * DAY_S, 300, "15 days"},
        {3 * 3600, 60, "3 hours"},
    };
    struct cloudwatch_queries queries;
    struct error ignored = {0};
    const json_t *entry;
    size_t i, k = 0;
    int64_t age_s;

    if (cloudwatch_queries_read(query, text, arena, &queries, &ignored))
        return NULL;
    if (now_unix_ms - grid_end_ms(&queries.grid) < settle_s(account) * MS_PER_S)
        return arena_printf(arena,
                            "CloudWatch may lack points of the last %" PRId64 " seconds, and the "
                            "window ends later than that; end it earlier, or judge later",
                            settle_s(account));
    age_s = (now_unix_ms - queries.grid.start_ms) / MS_PER_S;
    while (k < ARRAY_LEN(kept) && age_s <= kept[k].older_than_s)
        k++;
    if (k == ARRAY_LEN(kept))
        return NULL;
    if (!kept[k].period_s)
        return arena_printf(arena, "CloudWatch keeps no data for longer than %s", kept[k].age);
    json_array_foreach (queries.list, i, entry) {
        const json_t *stat = json_object_get(entry, "MetricStat");
        int64_t period_s = json_integer_value(json_object_get(stat ? stat : entry, "Period"));

        if (period_s % kept[k].period_s)
            return arena_printf(arena,
                                "CloudWatch period %" PRId64 " has no data older than %s; use "
                                "%" PRId64,
                                period_s, kept[k].age, kept[k].period_s);
    }
    return NULL;
}

/* --- the names of metrics --- */

/* "AWS/Lambda/Dur" is asked for in its namespace, once that is typed. Those of AWS have a slash of
 * their own. */
static const char *namespace_of(const char *text, struct arena *arena)
{
    const char *own = strncasecmp(text, "AWS/", strlen("AWS/")) == 0 ? text + strlen("AWS/") : text;
    const char *end = strchr(own, '/');

    return end ? arena_strndup(arena, text, (size_t)(end - text)) : NULL;
}

static enum err_code ask_names(const struct account *account, const char *text, const char *token,
                               struct arena *arena, struct http_request *out, struct error *err)
{
    json_auto_t *body = json_object();

    json_set_text(body, "Namespace", namespace_of(text, arena));
    json_set_text(body, "RecentlyActive", RECENTLY);
    json_set_text(body, "NextToken", token);
    return post(account, "ListMetrics", body, arena, out, err);
}

static enum err_code cloudwatch_names_build(const struct account *account, const char *text,
                                            struct arena *arena, struct http_request *out,
                                            json_t **out_list, struct error *err)
{
    (void)out_list;
    return ask_names(account, text, NULL, arena, out, err);
}

static enum err_code cloudwatch_names_next(const struct account *account, const char *text,
                                           const struct http_response *reply, struct arena *arena,
                                           struct http_request_list *more, struct error *err)
{
    struct error ignored = {0};
    json_auto_t *root = cloudwatch_reply_page(reply, &ignored);
    const char *token = json_string_value(json_object_get(root, "NextToken"));

    if (!token || !*token)
        return ERR_OK;
    more->n_requests = 1;
    more->requests = arena_new(arena, struct http_request);
    return ask_names(account, text, token, arena, more->requests, err);
}

/* One of the list's metrics; those that differ in the values of dimensions alone are the same. */
static void add_name(json_t *list, const json_t *metric, const char *text)
{
    const char *namespace = json_string_value(json_object_get(metric, "Namespace"));
    const char *name = json_string_value(json_object_get(metric, "MetricName"));
    struct arena *arena = arena_create();
    json_t *dimensions = json_array(), *dimension;
    const char *whole;
    size_t i;

    json_array_foreach (json_object_get(metric, "Dimensions"), i, dimension)
        if (json_is_string(json_object_get(dimension, "Name")))
            json_array_append(dimensions, json_object_get(dimension, "Name"));
    if (namespace && name) {
        whole = arena_printf(arena, "%s/%s", namespace, name);
        if (strcasestr(whole, text))
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:O}", "name", whole,
                                                  "namespace", namespace, "metricName", name,
                                                  "dimensions", dimensions));
    }
    json_decref(dimensions);
    arena_free(arena);
}

static enum err_code cloudwatch_names_parse(const struct account *account, const char *text,
                                            const struct http_response *reply, json_t **out_list,
                                            struct error *err)
{
    struct error why = {0};
    json_auto_t *root = cloudwatch_reply_page(reply, &why);
    const json_t *metrics = json_object_get(root, "Metrics");
    const json_t *metric;
    size_t i;

    (void)account;
    if (!json_is_array(metrics))
        return error_because(err, ERR_UPSTREAM, "store_bad_response",
                             "CloudWatch reply has no list of Metrics");
    *out_list = json_array();
    json_array_foreach (metrics, i, metric)
        add_name(*out_list, metric, text);
    return ERR_OK;
}

static const struct collector_completion cloudwatch_completion = {
    .build = cloudwatch_names_build,
    .parse = cloudwatch_names_parse,
    .next = cloudwatch_names_next,
};

const struct collector_type collector_cloudwatch = {
    .name = "cloudwatch",
    .needs_step = true,
    .aws_service = "monitoring",
    .default_url = cloudwatch_default_url,
    .check_account = cloudwatch_check_account,
    .query_text = cloudwatch_query_text,
    .build = cloudwatch_build,
    .next = cloudwatch_next,
    .has_lost_page = cloudwatch_has_lost_page,
    .parse = cloudwatch_parse,
    .error_text = cloudwatch_error_text,
    .caution = cloudwatch_caution,
    .completion = &cloudwatch_completion,
};
