/* collectors/fetch_try.h -- one try of one request: the options libcurl is given, and what comes
 * back. Part of the fetch engine; used on its thread only. */
#ifndef COLLECTORS_FETCH_TRY_H
#define COLLECTORS_FETCH_TRY_H

#include "collectors/account.h"
#include "collectors/http_message.h"
#include <curl/curl.h>
#include <stdbool.h>

struct fetch_try {
    const struct account *account; /* both borrowed */
    const struct http_request *request;
    CURL *easy; /* borrowed, between fetch_try_prepare() and fetch_try_detach() */
    struct curl_slist *header_list, *connect_to;

    /* where to, when it is not where the request says */
    char *url;              /* where a redirect led; NULL: none did */
    unsigned n_hops;        /* redirects followed */
    bool is_foreign;        /* the URL is on another origin: no credentials */
    char *token;            /* sent as a bearer token, or signed with, but not abroad; NULL: none */
    int64_t clock_offset_s; /* of the store's clock from ours, for signing */
    char *get_url; /* the form in the query string, once POST turned out not to be allowed */

    /* what came back */
    long status; /* 0: no reply */
    struct strbuf body;
    struct strbuf header_text; /* name NUL value NUL ... */
    size_t n_headers, n_header_bytes;
    bool has_whole_head;     /* libcurl takes a connection that closes earlier for an empty reply */
    bool is_too_large;       /* the reply, so it was stopped */
    bool is_address_refused; /* of all addresses tried, at least one */
    char curl_text[CURL_ERROR_SIZE];
};

/* Set every option on a fresh or reset handle.
 * Errors: ERR_SETTINGS when the TLS key's password file cannot be read. */
MUST_CHECK enum err_code fetch_try_prepare(struct fetch_try *try, CURL *easy, int64_t timeout_ms,
                                           struct error *err);

/* Some proxies let nothing but GET through: send the form in the query string from now on. */
bool fetch_try_may_use_get(const struct fetch_try *try); /* it is a form, and was not tried yet */
void fetch_try_use_get(struct fetch_try *try);

/* Back to where the request says, for another try. */
void fetch_try_go_home(struct fetch_try *try);

/* Let go of the handle and what was made for it; the reply stays. */
void fetch_try_detach(struct fetch_try *try);

/* Forget the reply, keep its memory for the next one. */
void fetch_try_forget_reply(struct fetch_try *try);

/* Free all. */
void fetch_try_clear(struct fetch_try *try);

/* Sign with this token from now on; it is copied. */
void fetch_try_set_token(struct fetch_try *try, const char *token);

/* Move the reply out, the token's echo in it made unreadable; fetch_transfer_clear() frees it. */
void fetch_try_take_reply(struct fetch_try *try, struct http_response *out);

/* A header of the reply, NULL when absent; good until the reply changes. */
const char *fetch_try_header(const struct fetch_try *try, const char *name);

/* Go where a redirect points, if the account allows it.
 * Errors: ERR_UPSTREAM, reason store_redirect. */
MUST_CHECK enum err_code fetch_try_redirect(struct fetch_try *try, const char *location,
                                            struct error *err);

#endif
