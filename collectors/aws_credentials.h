/* collectors/aws_credentials.h -- where the keys that requests to AWS are signed with come from:
 * the account, the environment, the shared files, a web identity, the container's or the machine's
 * endpoint; and, on top of any of these, roles that are assumed. Requests and replies only; part of
 * token.h, which is how the fetch engine asks for them.
 *
 * Metadata addresses are contacted by these requests alone, and only by those to the container's
 * and the machine's endpoint. */
#ifndef COLLECTORS_AWS_CREDENTIALS_H
#define COLLECTORS_AWS_CREDENTIALS_H

#include "collectors/sigv4.h"
#include "collectors/token.h"

/* Read-only, part of its account. */
struct aws_source;

/* The configured region, AWS_REGION, AWS_DEFAULT_REGION or the profile's; NULL: none says any. */
const char *aws_region(const json_t *config, struct arena *arena);

/* From `config`, the account itself or its `sigv4`. *out_place is what requests are signed for; its
 * region is that of aws_region().
 * Errors: ERR_SETTINGS naming the key. */
MUST_CHECK enum err_code aws_source_decode(const struct account *account, const json_t *config,
                                           const char *service, struct arena *arena,
                                           const struct aws_source **out,
                                           const struct sigv4_place **out_place, struct error *err);

/* As token_grant_begin() and token_grant_answer(); the token is sigv4_keys_pack()'s text. */
MUST_CHECK enum err_code aws_grant_begin(const struct aws_source *source, int64_t now_unix_s,
                                         struct arena *arena, struct token_grant *out,
                                         struct error *err);
MUST_CHECK enum err_code aws_grant_answer(struct token_grant *grant,
                                          const struct http_response *reply, int64_t now_unix_s,
                                          struct error *err);

#endif
