/* serinus collect --batch: what a collector would ask, and what it makes of replies, without any
 * network. A JSON line in, a JSON line out. */
#include "analyzer/cli.h"
#include "analyzer/codec/metric_set_json.h"
#include "base/json.h"
#include "collectors/collector.h"

#include <string.h>

#define STATUS_OK 200

/* One line's question, as the collector gets to see it. */
struct question {
    const struct collector_type *type;
    struct account *account;
    struct metric_query query;
    const char *text;
    struct http_request_list requests;
};

static enum err_code find_collector(const json_t *line, struct question *out, struct error *err)
{
    const char *store = json_string_value(json_object_get(line, "store"));

    out->type = store ? collector_find(store) : NULL;
    if (!out->type)
        return error_set(err, ERR_INVALID, "there is no collector for the store \"%s\"",
                         store ? store : "");
    return ERR_OK;
}

static enum err_code read_account(json_t *line, struct arena *arena, struct question *out,
                                  struct error *err)
{
    json_t *config = json_object_get(line, "account");
    json_auto_t *empty = json_object();

    return account_decode(out->type->name, json_is_object(config) ? config : empty, arena,
                          &out->account, err);
}

/* The text as given, or the one the collector composes. */
static enum err_code read_query(const json_t *line, struct arena *arena, struct question *out,
                                struct error *err)
{
    const json_t *metric = json_object_get(line, "metric");
    const char *given = json_string_value(json_object_get(line, "queryText"));
    const char *name = json_text_of(metric, "name", arena);

    out->query.metric_name = name ? name : "";
    out->query.config = json_object_get(metric, "query");
    out->query.templates = json_object_get(line, "templates");
    if (scope_decode(json_object_get(line, "scope"), arena, &out->query.scope, err))
        return error_point(err, "/scope");
    if (!given)
        given = json_string_value(json_object_get(metric, "queryText"));
    if (given) {
        out->text = given;
        return ERR_OK;
    }
    return out->type->query_text(out->account, &out->query, arena, &out->text, err);
}

static json_t *request_json(const struct account *account, const struct http_request *request,
                            struct arena *arena)
{
    json_t *out = json_object();
    json_t *headers = json_object();

    for (size_t i = 0; i < request->n_headers; i++)
        json_set_text(headers, request->headers[i].name,
                      account_mask_header(account, &request->headers[i], arena));
    json_set_text(out, "method", request->method);
    json_set_text(out, "url", account_mask(account, request->url, arena));
    json_object_set_new(out, "headers", headers);
    json_object_set_new(out, "body",
                        request->body ? json_string(account_mask(account, request->body, arena))
                                      : json_null());
    return out;
}

static enum err_code read_reply(const json_t *json, struct arena *arena, struct http_response *out,
                                struct error *err)
{
    const json_t *status = json_object_get(json, "status");
    const json_t *body = json_object_get(json, "body");
    json_t *headers = json_object_get(json, "headers");
    const char *name;
    json_t *value;

    if (!json_is_object(json))
        return error_set(err, ERR_INVALID, "a reply must be an object");
    out->status = json_is_integer(status) ? (long)json_integer_value(status) : STATUS_OK;
    out->headers = arena_array(arena, struct http_header, json_object_size(headers));
    json_object_foreach (headers, name, value) {
        const char *text = json_text_of(headers, name, arena);

        if (text)
            out->headers[out->n_headers++] = (struct http_header){name, text};
    }
    if (json_is_string(body)) {
        out->body = json_string_value(body);
        out->n_body_bytes = json_string_length(body);
    } else {
        out->body = body ? json_write_arena(body, arena) : "";
        out->n_body_bytes = strlen(out->body);
    }
    return ERR_OK;
}

/* The reply to the i-th request, as the collector gets it. */
static enum err_code answer_request(const json_t *list, size_t i, const struct question *question,
                                    struct arena *arena, struct http_response *out,
                                    struct error *err)
{
    if (i >= json_array_size(list))
        return error_set(err, ERR_INVALID, "there are %zu replies to %zu requests",
                         json_array_size(list), question->requests.n_requests);
    if (read_reply(json_array_get(list, i), arena, out, err))
        return err->code;
    return collector_check_reply(question->type, question->account, &question->requests.requests[i],
                                 out, arena, err);
}

static void add_requests(struct http_request_list *list, const struct http_request_list *more,
                         struct arena *arena)
{
    size_t n = list->n_requests + more->n_requests;
    struct http_request *requests = arena_array(arena, struct http_request, n);

    memcpy(requests, list->requests, list->n_requests * sizeof(*requests));
    memcpy(requests + list->n_requests, more->requests, more->n_requests * sizeof(*requests));
    *list = (struct http_request_list){requests, n};
}

/* The replies in the order of the requests; where a reply leads to further requests, theirs follow.
 * *out stays NULL when the line brought none. */
static enum err_code read_replies(const json_t *line, struct arena *arena,
                                  struct question *question, json_t **out, struct error *err)
{
    const json_t *list = json_object_get(line, "replies");
    struct http_response *replies = arena_array(arena, struct http_response, json_array_size(list));
    struct metric_set_list sets = {.arena = arena};
    struct http_request_list more = {0};
    size_t n = 0;

    if (!list || json_is_null(list))
        return ERR_OK;
    do {
        if (more.n_requests)
            add_requests(&question->requests, &more, arena);
        for (; n < question->requests.n_requests; n++)
            if (answer_request(list, n, question, arena, &replies[n], err))
                return err->code;
        if (collector_next(question->type, question->account, &question->query, question->text,
                           &question->requests, replies, arena, &more, err))
            return err->code;
    } while (more.n_requests);
    if (n != json_array_size(list))
        return error_set(err, ERR_INVALID, "there are %zu replies to %zu requests",
                         json_array_size(list), n);
    if (question->type->parse(question->account, &question->query, question->text, replies, n,
                              &sets, err))
        return err->code;
    *out = metric_sets_json(sets.sets, sets.n_sets);
    return ERR_OK;
}

static enum err_code collect(json_t *line, struct arena *arena, json_t *answer, struct error *err)
{
    struct question question = {0};
    json_t *requests, *sets = NULL;

    if (find_collector(line, &question, err) || read_account(line, arena, &question, err) ||
        read_query(line, arena, &question, err) ||
        collector_build(question.type, question.account, &question.query, question.text, arena,
                        &question.requests, err) ||
        read_replies(line, arena, &question, &sets, err))
        return err->code;
    json_set_text(answer, "query", account_mask(question.account, question.text, arena));
    requests = json_array();
    for (size_t i = 0; i < question.requests.n_requests; i++)
        json_array_append_new(
            requests, request_json(question.account, &question.requests.requests[i], arena));
    json_object_set_new(answer, "requests", requests);
    if (sets)
        json_object_set_new(answer, "metricSets", sets);
    return ERR_OK;
}

static bool answer_line(struct str text, struct strbuf *out, void *ctx)
{
    struct arena *arena = arena_create();
    struct error err = {0};
    json_auto_t *line = NULL;
    json_auto_t *answer = json_object();
    char message[sizeof(err.context) + sizeof(err.message)];
    json_t *id;

    (void)ctx;
    if (json_read(text, &json_limits_document, &line, &err) == ERR_OK) {
        id = json_object_get(line, "id");
        json_object_set_new(answer, "id", id ? json_incref(id) : json_null());
        (void)(collect(line, arena, answer, &err) == ERR_OK);
    } else {
        json_object_set_new(answer, "id", json_null());
    }
    if (err.code)
        json_set_text(answer, "error", error_text(&err, message, sizeof(message)));
    json_write(answer, out);
    arena_free(arena);
    return err.code == ERR_OK;
}

static int run_collect(const struct cli_command *self, int argc, char **argv)
{
    return cli_batch_only(self, argc, argv, answer_line);
}

const struct cli_command command_collect = {
    .name = "collect",
    .summary = "show what a collector asks a metric store, and what it makes of replies",
    .examples = "  serinus collect --batch < questions.jsonl > answers.jsonl\n\n"
                "  {\"id\":1,\"store\":\"prometheus\",\"account\":{},\"metric\":{\"name\":\"cpu\","
                "\"query\":{..}},\n   \"scope\":{\"scope\":\"v042\",\"start\":..,\"end\":..,"
                "\"step\":60},\"replies\":[{\"status\":200,\"body\":{..}}]}\n"
                "  {\"id\":1,\"query\":..,\"requests\":[..],\"metricSets\":[..]}\n",
    .options = cli_batch_options,
    .run = run_collect,
};
