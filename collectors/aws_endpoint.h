/* collectors/aws_endpoint.h -- keys from an endpoint on the machine itself: the container's, or its
 * metadata service (IMDSv2). Part of aws_credentials.h; errors are those of aws_failed(). */
#ifndef COLLECTORS_AWS_ENDPOINT_H
#define COLLECTORS_AWS_ENDPOINT_H

#include "collectors/aws_steps.h"

/* Where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI says. */
MUST_CHECK enum err_code aws_endpoint_ask_container(struct token_grant *grant, struct error *err);

/* The first of three requests: for a token. */
MUST_CHECK enum err_code aws_endpoint_ask_machine(struct token_grant *grant, struct error *err);

/* With steps->machine_token: for the name of the role (AWS_STEP_MACHINE_ROLE, ""), and for the keys
 * of this role (AWS_STEP_MACHINE_KEYS). */
MUST_CHECK enum err_code aws_endpoint_ask_machine_for(struct token_grant *grant, enum aws_step step,
                                                      const char *role, struct error *err);

#endif
