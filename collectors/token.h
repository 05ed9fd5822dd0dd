/* collectors/token.h -- how an account gets the bearer token it signs in with, where that takes
 * asking somebody else: Google (a credentials file, or the metadata server of the machine) or an
 * OAuth 2.0 token endpoint. Requests and replies only; token_keeper.h sends them.
 *
 * Where a token is asked for is configuration, as the account is: the account's tokenUrl or what a
 * credentials file says. Sources: RFC 6749 (client credentials, refresh), RFC 7523 (JWT), RFC 8693
 * (token exchange), and Google's "Application Default Credentials". */
#ifndef COLLECTORS_TOKEN_H
#define COLLECTORS_TOKEN_H

#include "collectors/account.h"

/* Read-only, part of its account. */
struct token_source;

/* What the account's configuration says: `googleAuth`, `oauth2`, or for stores at Google `jsonPath`
 * and so on. *out is NULL when the account signs in some other way.
 * Errors: ERR_SETTINGS naming the key. */
MUST_CHECK enum err_code token_source_decode(const struct account *account, struct arena *arena,
                                             const struct token_source **out, struct error *err);

/* One token on its way, in one arena; may take several requests, one after the other. */
struct token_grant {
    struct http_request request; /* to be sent now ... */
    struct account account;      /* ... with this: no credentials, its own limits */
    bool is_done;
    const char *token; /* once it is done */
    int64_t lifetime_s;

    struct token_steps *steps; /* its own */
};

/* Begin. Credential files are read here, so a changed one is noticed.
 * Errors: ERR_UPSTREAM, reason store_auth_failed, without any secret. */
MUST_CHECK enum err_code token_grant_begin(const struct token_source *source, int64_t now_unix_s,
                                           struct arena *arena, struct token_grant *out,
                                           struct error *err);

/* The reply to grant->request: either it is done, or there is a new request. A token's life is
 * positive and bounded. Errors: the same. */
MUST_CHECK enum err_code token_grant_answer(struct token_grant *grant,
                                            const struct http_response *reply, int64_t now_unix_s,
                                            struct error *err);

#endif
