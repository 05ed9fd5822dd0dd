/* collectors/account.h -- where a metric store is and how to sign in. */
#ifndef COLLECTORS_ACCOUNT_H
#define COLLECTORS_ACCOUNT_H

#include "base/arena.h"
#include "collectors/http_message.h"
#include <jansson.h>
#include <stdbool.h>

/* A credential. Only account_sign() looks inside; nothing prints it. */
struct secret {
    const char *value; /* NULL when there is none */
};

/* A credential that only one kind of store knows, by its key in the configuration. */
struct account_key {
    const char *name;
    struct secret value;
    const char *file; /* NULL, or where the value is, read on each use */
};

struct tls_options {
    const char *ca_file, *cert_file, *key_file, *server_name;
    const char *key_password_file;
    struct secret key_password;
    bool insecure_skip_verify;
};

enum redirect_policy { REDIRECT_NONE, REDIRECT_SAME_ORIGIN, REDIRECT_FOLLOW };

/* Which failures are tried again, and how often; kayenta.metrics.retry and limits.store.retry. */
struct retry_policy {
    unsigned attempts;    /* tries in all */
    int64_t backoff_ms;   /* wait after the n-th failure: 2^(n-1) times this */
    bool server_errors;   /* every 5xx */
    const long *statuses; /* further ones, default 408 and 429 */
    size_t n_statuses;
};

struct mask;         /* collectors/mask.h */
struct token_source; /* collectors/token.h */
struct sigv4_place;  /* collectors/sigv4.h */

/* Read-only once made; shared by all threads. */
struct account {
    const char *name;     /* what requests call it */
    const char *type;     /* "prometheus": finds the collector */
    const char *base_url; /* absolute, without user info, without trailing slash */
    const char *path;     /* of a store that reads files: a file or a folder; NULL: none */
    const char *username; /* "" with a password alone; NULL: no basic auth */
    struct secret password, bearer_token;
    const char *username_password_file, *password_file,
        *bearer_token_file;   /* read on each change */
    struct account_key *keys; /* apiKey, accessToken, ...; those that were given */
    size_t n_keys;
    const struct token_source *token; /* the fetch engine adds a bearer token; NULL: it does not */
    const struct sigv4_place *sigv4; /* not NULL: the token is keys, with which it signs for this */
    struct http_header *headers; /* sent with every request; values are secrets too, and one written
                                    file:<path> is that file's content */
    size_t n_headers;
    struct tls_options tls;
    enum redirect_policy redirects;
    const char *proxy;
    int64_t connect_timeout_ms, read_timeout_ms;
    unsigned max_concurrent_requests;
    size_t max_response_bytes;
    struct retry_policy retry;
    bool strict_series, align_window, reject_unsafe_values;
    bool keeps_replies;      /* those about the past may answer the same query for a while */
    bool may_reach_metadata; /* never configured: for the code that signs in */
    bool is_sink; /* where notifications go, or a judge, not a metric store: no breaker, for its
                     caller has a patience of his own; what it says with a 2xx does not matter here
                   */
    const json_t *options; /* the account as configured: what only its own collector reads */
    const json_t *locations, *recommended_locations; /* arrays of text, or NULL */
};

/* Build an account from its configuration object (collectors.md 1.3 and 2.1; keys are matched
 * exactly, in camelCase). `type` is the store's name. An empty object is allowed and gives the
 * store's default URL, or http://localhost. The account lives in `arena`, which also holds a
 * reference to `config`.
 *
 * Errors: ERR_SETTINGS naming the account and the key: no absolute http(s) URL, a fragment in it, a
 *         value of the wrong type, a limit out of range. */
MUST_CHECK enum err_code account_decode(const char *type, json_t *config, struct arena *arena,
                                        struct account **out, struct error *err);

/* Add the account's own headers and its Authorization. Credential files are read here, each time:
 * what is in them when a request is made is what it is signed with.
 * Errors: ERR_SETTINGS when a credential file cannot be read; the path is named, the content not.
 */
MUST_CHECK enum err_code account_sign(const struct account *account, struct arena *arena,
                                      struct http_request *request, struct error *err);

/* Whether the account has a credential under this key. */
bool account_has_key(const struct account *account, const char *key);

/* Add a header that holds `prefix` and the credential under `key`; nothing when there is none.
 * Errors: as account_sign(). */
MUST_CHECK enum err_code account_sign_key(const struct account *account, const char *key,
                                          const char *header, const char *prefix,
                                          struct arena *arena, struct http_request *request,
                                          struct error *err);

/* The credential under `key`, read from its file where it has one; for the code that signs in.
 * Errors: those of secret_read(); ERR_SETTINGS when there is none. */
MUST_CHECK enum err_code account_key_read(const struct account *account, const char *key,
                                          struct arena *arena, struct secret *out,
                                          struct error *err);

/* The content of a credential file, white space at both ends cut.
 * Errors: ERR_SETTINGS when it cannot be read, is empty or larger than SECRET_MAX_BYTES. */
MUST_CHECK enum err_code secret_read(const char *path, struct arena *arena, struct secret *out,
                                     struct error *err);

/* The same for a file of several lines. */
MUST_CHECK enum err_code secret_read_all(const char *path, struct arena *arena, struct secret *out,
                                         struct error *err);

/* A header of this account as it may be shown: the value, or "***" in its place. */
const char *account_mask_header(const struct account *account, const struct http_header *header,
                                struct arena *arena);

/* All credentials of the account, as they are now, into a new mask. */
void account_mask_init(const struct account *account, struct arena *arena, struct mask *out);

/* mask_text() with that. */
const char *account_mask(const struct account *account, const char *text, struct arena *arena);

#endif
