/* tests/collector_case.h -- what the tests of all collectors need: one collector with its account
 * and its query, recorded cases, and comparing metric sets. In JSON texts ' stands for ". */
#ifndef TESTS_COLLECTOR_CASE_H
#define TESTS_COLLECTOR_CASE_H

#include "collectors/collector.h"

/* One collector, its account and its query, all in one arena. */
struct subject {
    const struct collector_type *type;
    struct arena *arena;
    struct account *account;
    struct metric_query query; /* metric_name "m" */
    struct metric_set_list sets;
    struct error err;
};

#define TEN_MINUTES "{'start':'2026-01-01T00:00:00Z','end':'2026-01-01T00:10:00Z','step':60}"

json_t *json_of(const char *text);
json_t *json_of_file(const char *path);

struct subject subject_of(const char *store, json_t *account, const json_t *scope);
struct subject subject_of_text(const char *store, const char *account, const char *scope);
void subject_free(struct subject *subject);

/* What `config`, the metric's query, becomes. */
enum err_code subject_query_text(struct subject *subject, const char *config, const char **out);

/* The signed requests; fails the test when there are none. */
void subject_build(struct subject *subject, const char *text, struct http_request_list *out);

/* type->parse of one reply with status 200. */
enum err_code subject_parse(struct subject *subject, const char *text, const char *body,
                            size_t n_bytes);
/* The same; in `body` ' stands for ". */
enum err_code subject_parse_text(struct subject *subject, const char *text, const char *body);

/* collector_check_reply for the first request that is built for `text`. */
enum err_code subject_check_reply(struct subject *subject, const char *text, long status,
                                  const char *body);

const char *request_header(const struct http_request *request, const char *name);

/* Every entry of <folder>/query-building.json, each twice: nothing may be kept from the first. */
void check_query_texts(const char *store, const char *folder, size_t n_entries);

/* `check` for each of the recorded cases, <folder>/NN-name.case.json. */
void check_cases(const char *folder, size_t n_cases, void (*check)(const char *path));

/* As the case says; attributes that it does not have may be there. */
void check_sets(const json_t *want, const struct metric_set_list *got);

/* What the case expects: `required`, `strict` where that is on, else what Kayenta makes of it. */
const json_t *case_expected(const json_t *text, bool is_strict);

/* Replies of any shape: the reason they are refused with, NULL for those that are fine. */
struct shaped_reply {
    const char *name, *body, *reason;
};
void check_shaped_replies(const char *store, const char *account,
                          const struct shaped_reply *replies, size_t n_replies);

#endif
