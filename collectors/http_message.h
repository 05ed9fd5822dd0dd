/* collectors/http_message.h -- HTTP requests and replies as plain data; no curl in sight. */
#ifndef COLLECTORS_HTTP_MESSAGE_H
#define COLLECTORS_HTTP_MESSAGE_H

#include "base/arena.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct http_header {
    const char *name, *value;
};

/* What the words of a reply say about asking again, where they say more than its status. */
enum reply_advice { REPLY_BY_STATUS = 0, REPLY_IS_FINAL, REPLY_ASK_AGAIN };

/* One request, complete: the fetch engine adds nothing but the connection. Lives in one arena. */
struct http_request {
    const char *method; /* "GET", "POST" or "PUT" */
    const char *url;    /* absolute, query string included, no user info */
    struct http_header *headers;
    size_t n_headers;
    const char *body; /* NULL for none */
    size_t n_body_bytes;
    bool is_stream; /* the reply may trickle; the time for the whole is what limits it */
    enum reply_advice (*advice)(long status, struct str body); /* quick; NULL: REPLY_BY_STATUS */
    int64_t keep_ms;  /* the reply does not depend on a window and answers who asks the same for up
                         to  that long, of STORE_CACHE_LIFE_MS at most; 0: as the window has it */
    const char *file; /* not to be sent: the answer is this file beneath the account's `path`, or
                         that itself for ""; NULL: ask over HTTP */
};

/* One reply. `body` is decoded (gzip undone). */
struct http_response {
    long status;
    struct http_header *headers;
    size_t n_headers;
    const char *body; /* terminated; never NULL once there is a status */
    size_t n_body_bytes;
};

/* Add one header; refused (ERR_INVALID) when the value has CR, LF or NUL. */
MUST_CHECK enum err_code http_request_header(struct http_request *request, struct arena *arena,
                                             const char *name, const char *value,
                                             struct error *err);

/* Method, URL and body; headers do not count. */
bool http_request_is_same(const struct http_request *a, const struct http_request *b);

/* Case-insensitive; NULL when absent. */
const char *http_response_header(const struct http_response *response, const char *name);

/* Append `text` percent-encoded after RFC 3986: all but A-Z a-z 0-9 - . _ ~ is escaped. */
void http_percent_encode(struct strbuf *out, const char *text);

/* Append name=value to a form or a query string, both percent-encoded after RFC 3986, with "&"
 * before it unless the buffer is empty. A NULL value is left out. */
void http_form_add(struct strbuf *form, const char *name, const char *value);

#endif
