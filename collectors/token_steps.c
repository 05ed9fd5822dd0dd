#include "collectors/token_steps.h"

#include "base/limits.h"
#include "collectors/collector.h"

#include <curl/curl.h>
#include <string.h>

#define METADATA_CONNECT_MS 1000 /* it is on the same machine, or not at all */
#define METADATA_TOTAL_MS 5000
#define METADATA_ATTEMPTS 3u
#define FORM_TYPE "application/x-www-form-urlencoded"
#define MAX_ATTEMPTS 4u /* somebody waits, and the next query tries again */
#define TOTAL_TIMEOUT_MS 15000

bool token_url_is_http(const char *text)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *user = NULL;
    bool is_fine;

    is_fine = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0) &&
              curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
    curl_free(scheme);
    curl_free(user);
    curl_url_cleanup(url);
    return is_fine;
}

enum err_code token_failed(const struct token_steps *steps, const char *text, struct error *err)
{
    text = mask_text(&steps->secrets, text);
    return error_because(
        err, ERR_UPSTREAM, "store_auth_failed", "could not sign in: %s",
        collector_shown(steps->source->account, text, strlen(text), 1024, steps->arena));
}

/* A connection of its own: the account's credentials are for the store. */
static void set_connection(struct token_grant *grant)
{
    const struct token_source *source = grant->steps->source;
    const struct account *store = source->account;

    grant->account = (struct account){
        .name = store->name,
        .type = store->type,
        .base_url = grant->request.url,
        .tls.ca_file = source->ca_file,
        .proxy = store->proxy,
        .connect_timeout_ms = store->connect_timeout_ms,
        .read_timeout_ms = TOTAL_TIMEOUT_MS,
        .max_concurrent_requests = 1,
        .max_response_bytes = SECRET_MAX_BYTES,
        .retry = store->retry,
    };
    if (grant->account.retry.attempts > MAX_ATTEMPTS)
        grant->account.retry.attempts = MAX_ATTEMPTS;
    if (!grant->steps->is_metadata)
        return;
    grant->account.proxy = NULL;
    grant->account.connect_timeout_ms = METADATA_CONNECT_MS;
    grant->account.read_timeout_ms = METADATA_TOTAL_MS;
    grant->account.retry.attempts = METADATA_ATTEMPTS;
    grant->account.may_reach_metadata = true;
}

enum err_code token_ask_header(struct token_grant *grant, const char *name, const char *value,
                               struct error *err)
{
    struct error why = {0};

    if (http_request_header(&grant->request, grant->steps->arena, name, value, &why))
        return token_failed(grant->steps, why.message, err);
    return ERR_OK;
}

enum err_code token_ask(struct token_grant *grant, const char *url, const char *type,
                        const char *body, struct error *err)
{
    if (!token_url_is_http(url))
        return token_failed(
            grant->steps,
            "the URL of the token endpoint is not an absolute http:// or https:// URL", err);
    grant->request = (struct http_request){.method = body ? "POST" : "GET", .url = url};
    if (body) {
        grant->request.body = body;
        grant->request.n_body_bytes = strlen(body);
        if (token_ask_header(grant, "Content-Type", type, err))
            return err->code;
    }
    set_connection(grant);
    return token_ask_header(grant, "Accept", "application/json", err);
}

enum err_code token_ask_form(struct token_grant *grant, const char *url, struct strbuf *form,
                             struct error *err)
{
    const char *body = arena_strdup(grant->steps->arena, form->bytes);

    strbuf_clear(form);
    return token_ask(grant, url, FORM_TYPE, body, err);
}
