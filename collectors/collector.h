/* collectors/collector.h -- what a metric store must be able to do. A collector does no I/O: it
 * builds requests and reads replies; the fetch engine sits between. */
#ifndef COLLECTORS_COLLECTOR_H
#define COLLECTORS_COLLECTOR_H

#include "collectors/account.h"
#include "collectors/http_message.h"
#include "collectors/metric_query.h"

/* Requests of one query, to be sent in any order; their replies are read together. */
struct http_request_list {
    struct http_request *requests;
    size_t n_requests;
};

/* Requests for more names, unsigned, that follow from this reply: the next page, or the files of a
 * folder. `text` as for completion, "" for metadata. An empty list: there are no more.
 * Errors: as parse. A reply that parse refuses does not get here. */
typedef enum err_code collector_names_next(const struct account *account, const char *text,
                                           const struct http_response *reply, struct arena *arena,
                                           struct http_request_list *more, struct error *err);

/* What a store says it has, for completing a name while a person types; names.h asks for all. */
struct collector_metadata {
    int64_t interval_ms; /* how often it may be asked, unless the account says; 0: once a minute */

    /* The first request that asks for it, unsigned. */
    enum err_code (*build)(const struct account *account, struct arena *arena,
                           struct http_request *out, struct error *err);

    /* The reply, its status 2xx, as a new array of descriptors: objects with a text "name", and
     * whatever else the store says, as GET /metadata/metricsService shows them.
     * Errors: ERR_UPSTREAM, reason store_bad_response. */
    enum err_code (*parse)(const struct account *account, const struct http_response *reply,
                           json_t **out_list, struct error *err);

    collector_names_next *next; /* NULL: the first reply has all */
};

/* The same for a store that cannot say all it has: it is asked anew for each text that is typed. */
struct collector_completion {
    /* The first request for what `text` ("" for nothing yet) may become, unsigned. Where no store
     * is needed to know, *out_list is set instead, as parse does. */
    enum err_code (*build)(const struct account *account, const char *text, struct arena *arena,
                           struct http_request *out, json_t **out_list, struct error *err);

    /* As collector_metadata.parse; the names are whole, with what is in `text` already. */
    enum err_code (*parse)(const struct account *account, const char *text,
                           const struct http_response *reply, json_t **out_list, struct error *err);

    collector_names_next *next; /* NULL: the first reply has all */
};

struct collector_type {
    const char *name;
    bool needs_step;         /* a scope without a step is refused */
    bool is_at_google;       /* accounts sign in at Google unless they have a token of their own */
    const char *aws_service; /* requests are signed for this service of AWS; NULL: they are not */
    bool reads_files;        /* accounts have a `path` in place of a URL */

    /* Of an account that does not say: the URL, made from its configuration (may be NULL), and the
     * time to connect (0: STORE_CONNECT_TIMEOUT_MS) and for a whole reply (0:
     * STORE_TOTAL_TIMEOUT_MS). */
    const char *(*default_url)(const json_t *config, struct arena *arena);
    int64_t connect_timeout_ms, total_timeout_ms;

    /* What an account must have to be used, besides what account_decode() asks for; may be NULL.
     * Errors: ERR_SETTINGS naming the key. */
    enum err_code (*check_account)(const struct account *account, struct error *err);

    /* The query text, fully expanded. No network; every mistake of the config is found here.
     * Errors: ERR_INVALID with Kayenta's texts. */
    enum err_code (*query_text)(const struct account *account, const struct metric_query *query,
                                struct arena *arena, const char **out, struct error *err);

    /* The requests that answer `text`, unsigned (collector_build() signs them). */
    enum err_code (*build)(const struct account *account, const struct metric_query *query,
                           const char *text, struct arena *arena, struct http_request_list *out,
                           struct error *err);

    /* Further requests, unsigned, once all so far have a reply with a 2xx status: the next page, or
     * a step that needs an earlier answer. An empty list: these were all. May be NULL. `text` and
     * the replies as for parse.
     * Errors: as parse. A reply that parse will refuse needs no error here. */
    enum err_code (*next)(const struct account *account, const struct metric_query *query,
                          const char *text, const struct http_response *replies, size_t n_replies,
                          struct arena *arena, struct http_request_list *more, struct error *err);

    /* Whether a reply says that the store no longer knows the page it was asked for: then the query
     * is asked anew from its first page, once. May be NULL. */
    bool (*has_lost_page)(const struct http_response *reply);

    /* All replies, each with a 2xx status, in the order of the requests -> metric sets.
     * Errors: ERR_UPSTREAM with reason store_bad_response, store_error, store_too_many_series, ...
     * A reply that was cut on its way never gets here: the fetch engine asks again. */
    enum err_code (*parse)(const struct account *account, const struct metric_query *query,
                           const char *text, const struct http_response *replies, size_t n_replies,
                           struct metric_set_list *out, struct error *err);

    /* The store's own words in an error reply, or NULL when it has none; may be NULL. */
    const char *(*error_text)(const struct account *account, const struct http_response *reply,
                              struct arena *arena);

    /* What the store is known not to answer to `text`, so long after the window, and what to do: a
     * sentence for people before they rely on a query; NULL for nothing. May be NULL. */
    const char *(*caution)(const struct account *account, const struct metric_query *query,
                           const char *text, int64_t now_unix_ms, struct arena *arena);

    const struct collector_metadata *metadata;     /* NULL: the store cannot say what it has */
    const struct collector_completion *completion; /* in place of metadata; NULL: no either */

    /* For a check of an account (`serinus accounts`); may be NULL. */
    const char *probe_text;   /* a query that costs nothing, of a store without the two above */
    const char *version_path; /* beneath the base URL, answers {"data":{"version":V}} or "V" */
};

const struct collector_type *collector_find(const char *name); /* NULL when there is none */

/* type->check_account of the account's store. */
MUST_CHECK enum err_code collector_check_account(const struct account *account, struct error *err);

/* account_sign(), and the headers every request has (Accept, User-Agent) where it has none of its
 * own. */
MUST_CHECK enum err_code collector_complete(const struct account *account, struct arena *arena,
                                            struct http_request *request, struct error *err);

/* type->build, and collector_complete() for each request.
 * Errors: ERR_INVALID: no start, no end, no step where type->needs_step; those of both. */
MUST_CHECK enum err_code collector_build(const struct collector_type *type,
                                         const struct account *account,
                                         const struct metric_query *query, const char *text,
                                         struct arena *arena, struct http_request_list *out,
                                         struct error *err);

/* The requests that follow those asked so far, signed like them, into `more`: none when `replies`,
 * one for each of `asked`, are complete. Made by type->next, where the type has it.
 * Errors: those of type->next; ERR_UPSTREAM, reason store_too_many_pages: a request was sent
 *         already, so a page token has come again, or they are more than STORE_MAX_REQUESTS; reason
 *         store_response_too_large: all replies together are more than the account allows one. */
MUST_CHECK enum err_code collector_next(const struct collector_type *type,
                                        const struct account *account,
                                        const struct metric_query *query, const char *text,
                                        const struct http_request_list *asked,
                                        const struct http_response *replies, struct arena *arena,
                                        struct http_request_list *more, struct error *err);

/* The same for type->metadata->build, which must be there. */
MUST_CHECK enum err_code collector_build_metadata(const struct collector_type *type,
                                                  const struct account *account,
                                                  struct arena *arena, struct http_request *out,
                                                  struct error *err);

/* The same for type->completion->build, which must be there. */
MUST_CHECK enum err_code collector_build_completion(const struct collector_type *type,
                                                    const struct account *account, const char *text,
                                                    struct arena *arena, struct http_request *out,
                                                    json_t **out_list, struct error *err);

/* ERR_OK for 2xx; else ERR_UPSTREAM: "Status: 400, Method: GET, URL: ..., Message: <the store's own
 * text>", credentials masked, reason store_rejected / store_unavailable / store_redirect. */
MUST_CHECK enum err_code collector_check_reply(const struct collector_type *type,
                                               const struct account *account,
                                               const struct http_request *request,
                                               const struct http_response *reply,
                                               struct arena *arena, struct error *err);

/* The window as a store is asked for it: with alignWindow on multiples of the step, which is what
 * some stores do on their own, and then differently for control and experiment. */
struct scope collector_window(const struct account *account, const struct metric_query *query);

/* The body of an error reply as a new JSON tree; NULL when it is none, or larger than an error is.
 */
json_t *collector_error_json(const struct http_response *reply);

/* collector_metadata.parse for a reply {"<member>": ["name", ...]}. */
MUST_CHECK enum err_code collector_names_read(const struct http_response *reply, const char *member,
                                              json_t **out_list, struct error *err);

/* Somebody else's words as we may pass them on: at most max_bytes, credentials masked, control
 * characters and broken UTF-8 escaped. */
const char *collector_shown(const struct account *account, const char *text, size_t n_bytes,
                            size_t max_bytes, struct arena *arena);

/* The placeholder that stands for "the store has no data": name, the scope's start, end and step,
 * no tags, no values, attribute `query`. */
struct metric_set *collector_placeholder(const struct metric_query *query, const char *text,
                                         struct metric_set_list *out);

#endif
