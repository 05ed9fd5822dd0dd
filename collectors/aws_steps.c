#include "collectors/aws_steps.h"

#include "collectors/aws_reply.h"
#include "collectors/collector.h"

#include <stdlib.h>
#include <string.h>

#define METADATA_CONNECT_MS 1000 /* it is on the same machine, or not at all */
#define METADATA_TOTAL_MS 5000
#define METADATA_ATTEMPTS 3u
#define STS_TOTAL_MS 15000
#define STS_ATTEMPTS 4u /* somebody waits, and the next query tries again */

const char *aws_variable(const char *name)
{
    const char *text = getenv(name);

    return text && *text ? text : NULL;
}

enum err_code aws_failed(const struct aws_steps *steps, const char *text, struct error *err)
{
    text = mask_text(&steps->secrets, text);
    return error_because(
        err, ERR_UPSTREAM, "store_auth_failed", "could not sign in: %s",
        collector_shown(steps->source->account, text, strlen(text), 1024, steps->arena));
}

/* A connection of its own: the account's credentials and TLS settings are for the store. */
static void set_connection(struct token_grant *grant, bool is_metadata)
{
    const struct account *store = grant->aws->source->account;

    grant->account = (struct account){
        .name = store->name,
        .type = store->type,
        .base_url = grant->request.url,
        .proxy = is_metadata ? NULL : store->proxy,
        .connect_timeout_ms = is_metadata ? METADATA_CONNECT_MS : store->connect_timeout_ms,
        .read_timeout_ms = is_metadata ? METADATA_TOTAL_MS : STS_TOTAL_MS,
        .max_concurrent_requests = 1,
        .max_response_bytes = AWS_REPLY_MAX_BYTES,
        .retry = store->retry,
        .may_reach_metadata = is_metadata,
    };
    if (grant->account.retry.attempts > STS_ATTEMPTS)
        grant->account.retry.attempts = STS_ATTEMPTS;
    if (is_metadata)
        grant->account.retry.attempts = METADATA_ATTEMPTS;
}

void aws_ask(struct token_grant *grant, enum aws_step step, const struct http_request *request,
             bool is_metadata)
{
    grant->aws->now = step;
    grant->hint = NULL;
    grant->request = *request;
    set_connection(grant, is_metadata);
}

enum err_code aws_ask_header(struct token_grant *grant, const char *name, const char *value,
                             struct error *err)
{
    struct error why = {0};

    if (http_request_header(&grant->request, grant->aws->arena, name, value, &why))
        return aws_failed(grant->aws, why.message, err);
    return ERR_OK;
}
