#include "tests/collector_case.h"

#include "base/json.h"
#include "tests/support.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *with_quotes(const char *text)
{
    char *copy = strdup(text);

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    return copy;
}

json_t *json_of(const char *text)
{
    char *copy = with_quotes(text);
    json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);

    assert_non_null(json);
    free(copy);
    return json;
}

json_t *json_of_file(const char *path)
{
    char *text = read_file(path, NULL);
    json_error_t at;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &at);

    if (!json)
        fail_msg("%s: %s", path, at.text);
    free(text);
    return json;
}

struct subject subject_of(const char *store, json_t *account, const json_t *scope)
{
    struct subject s = {.type = collector_find(store), .arena = arena_create()};

    assert_non_null(s.type);
    if (account_decode(store, account, s.arena, &s.account, &s.err) ||
        scope_decode(scope, s.arena, &s.query.scope, &s.err))
        fail_msg("%s", s.err.message);
    s.query.metric_name = "m";
    s.sets.arena = s.arena;
    return s;
}

struct subject subject_of_text(const char *store, const char *account, const char *scope)
{
    json_auto_t *account_json = json_of(account);
    json_auto_t *scope_json = json_of(scope);

    return subject_of(store, account_json, scope_json);
}

void subject_free(struct subject *subject)
{
    arena_free(subject->arena);
}

enum err_code subject_query_text(struct subject *subject, const char *config, const char **out)
{
    subject->query.config = json_keep(json_of(config), subject->arena);
    return subject->type->query_text(subject->account, &subject->query, subject->arena, out,
                                     &subject->err);
}

void subject_build(struct subject *subject, const char *text, struct http_request_list *out)
{
    if (collector_build(subject->type, subject->account, &subject->query, text, subject->arena, out,
                        &subject->err))
        fail_msg("%s", subject->err.message);
    assert_true(out->n_requests > 0);
}

enum err_code subject_parse(struct subject *subject, const char *text, const char *body,
                            size_t n_bytes)
{
    const struct http_response reply = {.status = 200, .body = body, .n_body_bytes = n_bytes};

    return subject->type->parse(subject->account, &subject->query, text, &reply, 1, &subject->sets,
                                &subject->err);
}

enum err_code subject_parse_text(struct subject *subject, const char *text, const char *body)
{
    char *copy = with_quotes(body);
    enum err_code rc = subject_parse(subject, text, copy, strlen(copy));

    free(copy);
    return rc;
}

enum err_code subject_check_reply(struct subject *subject, const char *text, long status,
                                  const char *body)
{
    const struct http_response reply = {
        .status = status, .body = body, .n_body_bytes = strlen(body)};
    struct http_request_list list;

    subject_build(subject, text, &list);
    return collector_check_reply(subject->type, subject->account, &list.requests[0], &reply,
                                 subject->arena, &subject->err);
}

const char *request_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

static void check_query_text(const char *store, const json_t *entry)
{
    json_auto_t *empty = json_object();
    json_t *account = json_object_get(entry, "account");
    const char *expected = json_string_value(json_object_get(entry, "expected"));
    const char *error = json_string_value(json_object_get(entry, "error"));
    json_t *config = json_object_get(entry, "query");
    json_auto_t *before = json_deep_copy(config);
    struct subject s =
        subject_of(store, account ? account : empty, json_object_get(entry, "scope"));

    row("%s", json_string_value(json_object_get(entry, "title")));
    s.query.config = config;
    s.query.templates = json_object_get(entry, "templates");
    for (int again = 0; again < 2; again++) {
        const char *text = NULL;
        enum err_code rc = s.type->query_text(s.account, &s.query, s.arena, &text, &s.err);

        if (expected) {
            if (rc)
                print_error("%s\n", s.err.message);
            assert_int_equal(ERR_OK, rc);
            assert_string_equal(expected, text);
        } else {
            assert_int_equal(ERR_INVALID, rc);
            assert_non_null(strstr(s.err.message, error));
            s.err = (struct error){0};
        }
    }
    assert_true(json_equal(before, config));
    subject_free(&s);
}

void check_query_texts(const char *store, const char *folder, size_t n_entries)
{
    char path[256];
    json_auto_t *entries = NULL;
    json_t *entry;
    size_t i;

    snprintf(path, sizeof(path), "%s/query-building.json", folder);
    entries = json_of_file(path);
    assert_int_equal(n_entries, json_array_size(entries));
    json_array_foreach (entries, i, entry)
        check_query_text(store, entry);
}

void check_cases(const char *folder, size_t n_cases, void (*check)(const char *path))
{
    char pattern[256];
    glob_t paths;

    snprintf(pattern, sizeof(pattern), "%s*.case.json", folder);
    assert_int_equal(0, glob(pattern, 0, NULL, &paths));
    assert_int_equal(n_cases, paths.gl_pathc);
    for (size_t i = 0; i < paths.gl_pathc; i++)
        check(paths.gl_pathv[i]);
    globfree(&paths);
}

static void check_tags(const json_t *want, const struct tag_map *got)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)want, key, value) {
        assert_non_null(tag_map_get(got, key));
        assert_string_equal(json_string_value(value), tag_map_get(got, key));
    }
}

void check_sets(const json_t *want, const struct metric_set_list *got)
{
    json_t *set;
    size_t i;

    assert_int_equal(json_array_size(want), got->n_sets);
    json_array_foreach (want, i, set) {
        const json_t *values = json_object_get(set, "values");
        const struct metric_set *is = &got->sets[i];

        assert_string_equal(json_string_value(json_object_get(set, "name")), is->name);
        assert_int_equal(json_object_size(json_object_get(set, "tags")), is->tags.n_items);
        check_tags(json_object_get(set, "tags"), &is->tags);
        check_tags(json_object_get(set, "attributes"), &is->attributes);
        assert_int_equal(json_integer_value(json_object_get(set, "startTimeMillis")),
                         is->start_unix_ms);
        assert_int_equal(json_integer_value(json_object_get(set, "endTimeMillis")),
                         is->end_unix_ms);
        assert_int_equal(json_integer_value(json_object_get(set, "stepMillis")), is->step_ms);
        assert_int_equal(json_array_size(values), is->n_values);
        for (size_t k = 0; k < is->n_values; k++) {
            double value;

            assert_true(json_to_double(json_array_get(values, k), &value));
            assert_near(value, is->values[k], fabs(value) * 1e-12);
        }
    }
}

const json_t *case_expected(const json_t *text, bool is_strict)
{
    const json_t *expected = json_object_get(text, "expected");
    const json_t *want = json_object_get(expected, "required");

    if (!want && is_strict)
        want = json_object_get(expected, "strict");
    return want ? want : json_object_get(expected, "kayenta");
}

void check_shaped_replies(const char *store, const char *account,
                          const struct shaped_reply *replies, size_t n_replies)
{
    for (size_t i = 0; i < n_replies; i++) {
        struct subject s = subject_of_text(store, account, TEN_MINUTES);
        enum err_code rc = subject_parse_text(&s, "q", replies[i].body);

        row("%s", replies[i].name);
        if (rc)
            assert_non_null(s.err.reason);
        if (rc && !replies[i].reason)
            print_error("row \"%s\": %s\n", replies[i].name, s.err.message);
        assert_int_equal(replies[i].reason ? ERR_UPSTREAM : ERR_OK, rc);
        if (replies[i].reason)
            assert_string_equal(replies[i].reason, s.err.reason);
        else
            assert_true(s.sets.n_sets > 0);
        subject_free(&s);
    }
}
