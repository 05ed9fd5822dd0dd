/* collectors/jwt.h -- a signed statement about who we are (RFC 7519, RS256 of RFC 7518), as token
 * endpoints take it in place of a password (RFC 7523). OpenSSL does the arithmetic. */
#ifndef COLLECTORS_JWT_H
#define COLLECTORS_JWT_H

#include "base/arena.h"
#include "base/error.h"
#include <stdint.h>

struct jwt_claims {
    const char *issuer, *scope, *audience;
    const char *key_id; /* NULL: none */
    int64_t now_unix_s; /* issued a few seconds earlier, because clocks differ; good for an hour */
};

/* header.claims.signature, each base64url without padding, in `arena`.
 * Errors: ERR_INVALID when `private_key_pem` is not an unencrypted RSA key of 2048 bits or more. */
MUST_CHECK enum err_code jwt_sign(const struct jwt_claims *claims, const char *private_key_pem,
                                  struct arena *arena, const char **out, struct error *err);

#endif
