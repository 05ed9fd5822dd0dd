/* collectors/aws_sts.h -- roles that are assumed, with the keys before them or with a web identity.
 * Part of aws_credentials.h; errors are those of aws_failed(). */
#ifndef COLLECTORS_AWS_STS_H
#define COLLECTORS_AWS_STS_H

#include "collectors/aws_steps.h"

/* AssumeRole: the last of steps->roles, which it takes away, signed with steps->keys. */
MUST_CHECK enum err_code aws_sts_ask(struct token_grant *grant, struct error *err);

/* AssumeRoleWithWebIdentity, unsigned, with the token in that file. A role without an ARN, or no
 * file, is an error. */
MUST_CHECK enum err_code aws_sts_ask_web(struct token_grant *grant, const struct aws_role *role,
                                         const char *token_file, struct error *err);

#endif
