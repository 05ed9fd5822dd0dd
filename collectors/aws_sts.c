#include "collectors/aws_sts.h"

#include <inttypes.h>

#define FORM_TYPE "application/x-www-form-urlencoded"

/* The form of a role, without what proves who asks. */
static void role_form(struct strbuf *form, const char *action, const struct aws_role *role,
                      struct arena *arena)
{
    http_form_add(form, "Action", action);
    http_form_add(form, "Version", "2011-06-15");
    http_form_add(form, "RoleArn", role->arn);
    http_form_add(form, "RoleSessionName", role->session_name);
    http_form_add(form, "DurationSeconds", arena_printf(arena, "%" PRId64, role->duration_s));
}

static enum err_code ask_sts(struct token_grant *grant, enum aws_step step, struct strbuf *form,
                             struct error *err)
{
    struct aws_steps *steps = grant->aws;

    aws_ask(grant, step,
            &(const struct http_request){
                .method = "POST",
                .url = arena_printf(steps->arena, "%s/", steps->source->sts_url),
                .body = arena_strndup(steps->arena, form->bytes, form->n_bytes),
                .n_body_bytes = form->n_bytes,
            },
            false);
    strbuf_clear(form);
    return aws_ask_header(grant, "Content-Type", FORM_TYPE, err);
}

enum err_code aws_sts_ask(struct token_grant *grant, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    const struct aws_role *role = &steps->roles[--steps->n_roles];
    const struct sigv4_place place = {steps->source->region ? steps->source->region : "us-east-1",
                                      "sts"};
    struct sigv4_request signing = {.method = "POST"};
    struct sigv4_headers headers;
    struct strbuf form = {0};

    role_form(&form, "AssumeRole", role, steps->arena);
    http_form_add(&form, "ExternalId", role->external_id);
    if (ask_sts(grant, AWS_STEP_ROLE, &form, err))
        return err->code;
    signing.url = grant->request.url;
    signing.headers = grant->request.headers;
    signing.n_headers = grant->request.n_headers;
    signing.body = (struct str){grant->request.body, grant->request.n_body_bytes};
    headers = sigv4_sign(&signing, &place, &steps->keys, steps->now_unix_s, steps->arena);
    for (size_t i = 0; i < headers.n_items; i++)
        if (aws_ask_header(grant, headers.items[i].name, headers.items[i].value, err))
            return err->code;
    return aws_ask_header(grant, "Accept", "text/xml", err);
}

enum err_code aws_sts_ask_web(struct token_grant *grant, const struct aws_role *role,
                              const char *token_file, struct error *err)
{
    struct aws_steps *steps = grant->aws;
    struct strbuf form = {0};
    struct secret token;
    struct error why = {0};

    if (!role->arn || !token_file)
        return aws_failed(steps, "a web identity needs a \"roleArn\" and a \"tokenFile\"", err);
    if (secret_read(token_file, steps->arena, &token, &why)) /* anew: Kubernetes rotates it */
        return aws_failed(steps, why.message, err);
    mask_add(&steps->secrets, token.value);
    role_form(&form, "AssumeRoleWithWebIdentity", role, steps->arena);
    http_form_add(&form, "WebIdentityToken", token.value);
    if (ask_sts(grant, AWS_STEP_WEB, &form, err))
        return err->code;
    return aws_ask_header(grant, "Accept", "text/xml", err);
}
