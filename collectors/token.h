/* collectors/token.h -- how an account gets the bearer token it signs in with, where that takes
 * asking somebody else: Google (a credentials file, or the metadata server of the machine), an
 * OAuth 2.0 token endpoint, or AWS, whose token is the keys to sign with (aws_credentials.h).
 * Requests and replies only; token_keeper.h sends them.
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
 * and so on; `sigv4`, or for stores at AWS the account itself. *out is NULL when the
 * account signs in some other way, *out_place unless its requests are signed.
 * Errors: ERR_SETTINGS naming the key. */
MUST_CHECK enum err_code token_source_decode(const struct account *account, struct arena *arena,
                                             const struct token_source **out,
                                             const struct sigv4_place **out_place,
                                             struct error *err);

/* One token on its way, in one arena; may take several requests, one after the other. */
struct token_grant {
    struct http_request request; /* to be sent now ... */
    struct account account;      /* ... with this: no credentials, its own limits */
    bool is_done;
    const char *token; /* once it is done */
    int64_t lifetime_s;

    const char *hint; /* what it may mean that nobody answers; NULL: nothing more */

    struct token_steps *steps; /* its own; for keys of AWS the other one */
    struct aws_steps *aws;
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
