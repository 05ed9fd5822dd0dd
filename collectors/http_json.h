/* collectors/http_json.h -- the parts of the generic HTTP/JSON store: an operator describes in the
 * account how a time-series API is asked and how its reply is read; a query chooses a request by
 * name and brings values. */
#ifndef COLLECTORS_HTTP_JSON_H
#define COLLECTORS_HTTP_JSON_H

#include "collectors/collector.h"
#include "collectors/grid.h"

/* One of the account's requests. */
struct http_json {
    const char *name;
    const json_t *request; /* its configuration, borrowed from the account */
};

/* Errors: ERR_INVALID: no such request, or none chosen from several. */
MUST_CHECK enum err_code http_json_choose(const struct account *account,
                                          const struct metric_query *query, struct http_json *out,
                                          struct error *err);

/* Everything that an operator can get wrong in the account. Errors: ERR_SETTINGS. */
MUST_CHECK enum err_code http_json_check(const struct account *account, struct error *err);

/* The window: reply.grid says whether it is aligned; with "none" it is the scope's own.
 * Errors: those of grid_of_scope(). */
MUST_CHECK enum err_code http_json_window(const struct http_json *chosen, const struct scope *scope,
                                          struct grid *out, struct error *err);

/* "<METHOD> <path>?<query>", an empty line and the body, with all values filled in and escaped for
 * their place. Errors: ERR_INVALID. */
MUST_CHECK enum err_code http_json_text(const struct account *account,
                                        const struct metric_query *query,
                                        const struct http_json *chosen, struct arena *arena,
                                        const char **out, struct error *err);

/* Whether a variable may stand outside of a JSON string. */
bool http_json_is_number(const char *name, size_t n_name);

/* --- pointers --- */

#define HTTP_JSON_MAX_WILDCARDS 8u

struct http_json_capture {
    const json_t *node;
    const char *key; /* its member name, or NULL: its index */
    size_t index;
};

/* Where a node of the series was found. */
struct http_json_node {
    const json_t *node;
    struct http_json_capture captures[HTTP_JSON_MAX_WILDCARDS];
    size_t n_captures;
};

/* Errors: ERR_INVALID: what is wrong with it. `may_have_wildcards`: it is that of the series. */
MUST_CHECK enum err_code http_json_pointer_check(const char *pointer, bool may_have_wildcards,
                                                 struct error *err);

/* What a pointer without wildcards leads to, NULL for nothing. For "#k" a new text is made. */
const json_t *http_json_resolve(const struct http_json_node *from, const char *pointer,
                                struct arena *arena);

/* Call `take` for each node that `pointer` leads to, in order, until it returns false.
 * Errors: ERR_UPSTREAM when the part before the first wildcard leads nowhere. */
MUST_CHECK enum err_code http_json_walk(const json_t *root, const char *pointer,
                                        struct arena *arena,
                                        bool (*take)(const struct http_json_node *node, void *ctx),
                                        void *ctx, struct error *err);

/* --- replies --- */

MUST_CHECK enum err_code http_json_read(const struct account *account,
                                        const struct metric_query *query,
                                        const struct http_json *chosen, const char *text,
                                        const struct http_response *replies, size_t n_replies,
                                        struct metric_set_list *out, struct error *err);

/* collector_type.error_text. A reply does not tell which request it is for, so the `error` pointers
 * of all are tried, in their order. */
const char *http_json_error_text(const struct account *account, const struct http_response *reply,
                                 struct arena *arena);

#endif
