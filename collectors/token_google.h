/* collectors/token_google.h -- how Google is asked for a token: a credentials file of a service
 * account, an authorized user or an external account, or the machine's metadata server; and, with
 * such a token, for that of another service account. Part of token.h; errors are those of
 * token_failed(). */
#ifndef COLLECTORS_TOKEN_GOOGLE_H
#define COLLECTORS_TOKEN_GOOGLE_H

#include "collectors/token_steps.h"

/* The first request, as the account, the environment and the credentials file say. */
MUST_CHECK enum err_code token_google_ask(struct token_grant *grant, int64_t now_unix_s,
                                          struct error *err);

/* `source`, a file or a reply, holds the subject token of an external account. */
MUST_CHECK enum err_code token_google_exchange(struct token_grant *grant, struct str source,
                                               struct error *err);

/* With `token`, for that of steps->impersonate_url. */
MUST_CHECK enum err_code token_google_impersonate(struct token_grant *grant, const char *token,
                                                  struct error *err);

#endif
