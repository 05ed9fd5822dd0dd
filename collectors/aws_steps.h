/* collectors/aws_steps.h -- what the code that asks for keys of AWS shares: what the account says,
 * where one grant stands, and the requests it is made of. Part of aws_credentials.h. */
#ifndef COLLECTORS_AWS_STEPS_H
#define COLLECTORS_AWS_STEPS_H

#include "collectors/aws_credentials.h"
#include "collectors/mask.h"

#define AWS_DEFAULT_SESSION "canary-collector"
#define AWS_DEFAULT_ROLE_S 3600
#define AWS_MAX_PROFILES 5u /* in a chain of source_profile */

struct aws_role {
    const char *arn, *external_id, *session_name; /* arn NULL: none */
    int64_t duration_s;
};

struct aws_source {
    const struct account *account;
    const char *mode, *profile, *credentials_file, *config_file, *region, *sts_url;
    struct aws_role web, assume;
    const char *web_token_file;
};

enum aws_step {
    AWS_STEP_WEB,
    AWS_STEP_CONTAINER,
    AWS_STEP_MACHINE_TOKEN,
    AWS_STEP_MACHINE_ROLE,
    AWS_STEP_MACHINE_KEYS,
    AWS_STEP_ROLE
};

struct aws_steps {
    const struct aws_source *source;
    struct arena *arena;
    enum aws_step now;
    int64_t now_unix_s;
    struct sigv4_keys keys;
    int64_t end_unix_s;                           /* of the keys; 0: none */
    struct aws_role roles[AWS_MAX_PROFILES + 1u]; /* to be assumed, the last one first */
    size_t n_roles;
    const char *machine_token;
    struct mask secrets; /* not to be shown */
};

/* The environment variable; NULL when it is empty, too. */
const char *aws_variable(const char *name);

/* The error of a grant, without its secrets. Returns ERR_UPSTREAM, reason store_auth_failed. */
enum err_code aws_failed(const struct aws_steps *steps, const char *text, struct error *err);

/* Make this the grant's request, sent to the container's or machine's endpoint or to STS. */
void aws_ask(struct token_grant *grant, enum aws_step step, const struct http_request *request,
             bool is_metadata);

/* One more header of the request. Errors: those of aws_failed(). */
MUST_CHECK enum err_code aws_ask_header(struct token_grant *grant, const char *name,
                                        const char *value, struct error *err);

#endif
