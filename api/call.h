/* api/call.h -- one request on its way through a handler: what was asked, and the reply.
 *
 * Everything in it lives in the call's arena. A handler reads the call with the functions below,
 * calls the analyzer, and fills the reply with respond_*(), or returns an error and leaves the
 * reply. */
#ifndef API_CALL_H
#define API_CALL_H

#include "analyzer/analyzer.h"
#include "api/router.h"
#include "base/arena.h"
#include "base/log.h"
#include <jansson.h>
#include <stdatomic.h>

#define REQUEST_ID_BYTES 129u

struct headers;
struct stats;
struct stream;
struct subscription;

/* What every handler may use; the same for all calls. */
struct api_context {
    struct analyzer *analyzer;
    const struct settings *settings;
    struct log *log;
    struct stats *stats;
    atomic_bool is_draining;
    /* The last look at the result store. Only the health thread reads or writes it. */
    int64_t store_checked_ms; /* monotonic; 0: never */
    bool is_store_ready;
};

struct reply {
    unsigned status;
    const char *content_type; /* NULL: no body */
    struct str body;
    const char *allow;      /* an Allow header, or NULL */
    const char *location;   /* a Location header, or NULL */
    unsigned retry_after_s; /* 0: none */
};

/* How a handler waits without keeping its thread: it subscribes, looks whether there is anything to
 * answer, and if not sets `is_wanted` and returns ERR_OK without a reply. It is called again, on
 * any handler thread, when the subscription has something to say; the last time `is_over` is set:
 * the time is up, the client has left, or the service stops. */
struct call_wait {
    struct subscription *subscription; /* goes with the call */
    int64_t until_mono_ms;
    bool is_wanted, is_over;
};

struct api_call {
    struct arena *arena;
    struct api_context *context;
    enum method method;
    const char *method_text; /* as sent */
    struct target target;
    const struct headers *headers; /* NULL: none */
    struct route_match match;
    char request_id[REQUEST_ID_BYTES];
    struct strbuf body;
    struct call_wait wait;
    struct stream *stream; /* the reply's body, when it is one of events (api/stream.h); goes with
                              the call */
    struct reply reply;
};

enum param_kind {
    PARAM_OPTIONAL,   /* empty counts as absent */
    PARAM_KEEP_EMPTY, /* optional; "" when it was sent empty */
    PARAM_REQUIRED,
};

struct call_param {
    const char *name;
    const char **out; /* NULL is stored when absent */
    enum param_kind kind;
};

/* Look up single-value parameters.
 * Errors: ERR_INVALID, reason repeated_parameter or missing_parameter. */
MUST_CHECK enum err_code call_params(const struct api_call *call, const struct call_param *params,
                                     size_t n_params, struct error *err);

/* A header's value, terminated; NULL when there is none.
 * Errors: ERR_INVALID, reason repeated_header. */
MUST_CHECK enum err_code call_header(const struct api_call *call, const char *name,
                                     const char **out, struct error *err);

/* A list parameter: repeated and comma-separated mean the same; blanks are dropped. */
void call_list(const struct api_call *call, const char *name, const char *const **out,
               size_t *n_out);

/* A whole number in [1, max], or the default when absent or empty.
 * Errors: ERR_INVALID, reason bad_parameter or repeated_parameter. */
MUST_CHECK enum err_code call_count(const struct api_call *call, const char *name,
                                    size_t default_value, size_t max, size_t *out,
                                    struct error *err);

/* true, on, yes, 1 and false, off, no, 0 in any case; absent or empty is false.
 * Errors: ERR_INVALID, reason bad_parameter or repeated_parameter. */
MUST_CHECK enum err_code call_flag(const struct api_call *call, const char *name, bool *out,
                                   struct error *err);

/* The body as a JSON object, borrowed from the call.
 * Errors: those of json_read(); ERR_INVALID, reason bad_type, for any other JSON value. */
MUST_CHECK enum err_code call_json_object(struct api_call *call, const json_t **out,
                                          struct error *err);
/* The same for an array. */
MUST_CHECK enum err_code call_json_array(struct api_call *call, const json_t **out,
                                         struct error *err);

/* limit and page of a list; without them all of it, up to HTTP_MAX_LIST_ROWS. Errors: as
 * call_count(). */
MUST_CHECK enum err_code call_page(const struct api_call *call, struct list_page *out,
                                   struct error *err);

/* Both objects of an ad hoc start: {"canaryConfig", "executionRequest"}. Borrowed from the call. */
MUST_CHECK enum err_code call_ad_hoc_halves(struct api_call *call, const json_t **canary_config,
                                            const json_t **execution_request, struct error *err);

#endif
