#include "collectors/aws_endpoint.h"

#include <string.h>
#include <strings.h>

#define MACHINE_URL "http://169.254.169.254/latest/"
#define MACHINE_TOKEN_LIFE_S "21600"
#define CONTAINER_URL "http://169.254.170.2"

static enum err_code ask(struct token_grant *grant, enum aws_step step, const char *method,
                         const char *url, bool is_metadata, struct error *err)
{
    aws_ask(grant, step, &(const struct http_request){.method = method, .url = url}, is_metadata);
    return aws_ask_header(grant, "Accept", "application/json", err);
}

/* Plain http is for addresses that cannot be anybody else's. */
static bool is_container_url(const char *url, bool *is_metadata)
{
    static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = url + strlen("http://");
    size_t n;

    *is_metadata = false;
    if (strncasecmp(url, "https://", strlen("https://")) == 0)
        return true;
    if (strncasecmp(url, "http://", strlen("http://")) != 0 ||
        strcspn(host, "@") < strcspn(host, "/"))
        return false;
    n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strlen(hosts[i]) == n && strncasecmp(hosts[i], host, n) == 0)
            return *is_metadata = true;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (strlen(own[i]) == n && strncasecmp(own[i], host, n) == 0)
            return true;
    return false;
}

enum err_code aws_endpoint_ask_container(struct token_grant *grant, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const char *relative = aws_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *url = aws_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *file = aws_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct secret token = {aws_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")};
    struct error why = {0};
    bool is_metadata;

    if (relative)
        url =
            arena_printf(steps->arena, CONTAINER_URL "%s%s", *relative == '/' ? "" : "/", relative);
    if (!url)
        return aws_failed(steps,
                          "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                          "AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
                          err);
    if (!is_container_url(url, &is_metadata))
        return aws_failed(
            steps,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this machine or "
            "the container endpoint's own addresses",
            err);
    if (file && secret_read(file, steps->arena, &token, &why))
        return aws_failed(steps, why.message, err);
    mask_add(&steps->secrets, token.value);
    if (ask(grant, AWS_STEP_CONTAINER, "GET", url, is_metadata, err))
        return err->code;
    return token.value ? aws_ask_header(grant, "Authorization", token.value, err) : ERR_OK;
}

enum err_code aws_endpoint_ask_machine(struct token_grant *grant, struct error *err)
{
    if (ask(grant, AWS_STEP_MACHINE_TOKEN, "PUT", MACHINE_URL "api/token", true, err))
        return err->code;
    grant->hint = "; the machine's metadata service did not answer, in a container its hop limit "
                  "must be 2";
    return aws_ask_header(grant, "X-aws-ec2-metadata-token-ttl-seconds", MACHINE_TOKEN_LIFE_S, err);
}

enum err_code aws_endpoint_ask_machine_for(struct token_grant *grant, enum aws_step step,
                                           const char *role, struct error *err)
{
    struct strbuf url = {0};
    const char *copy;

    strbuf_puts(&url, MACHINE_URL "meta-data/iam/security-credentials/");
    http_percent_encode(&url, role);
    copy = arena_strndup(grant->aws->arena, url.bytes, url.n_bytes);
    strbuf_clear(&url);
    if (ask(grant, step, "GET", copy, true, err))
        return err->code;
    return aws_ask_header(grant, "X-aws-ec2-metadata-token", grant->aws->machine_token, err);
}
