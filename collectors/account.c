#include "collectors/account.h"

#include "base/json.h"
#include "base/limits.h"
#include "collectors/collector.h"
#include "collectors/mask.h"
#include "collectors/token.h"

#include <curl/curl.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_BASE_URL "http://localhost"
#define MAX_TIMEOUT_MS 3600000
#define MAX_CONCURRENT_REQUESTS 1000
#define MAX_ATTEMPTS 100
#define MAX_STATUSES 32u

/* What account_decode() reads from and where it puts things. */
struct decode {
    const json_t *config;
    struct account *account;
    const struct collector_type *collector; /* NULL: none of this name */
    struct arena *arena;
    struct error *err;
};

static enum err_code bad_key(struct decode *d, const char *key, const char *what)
{
    error_set(d->err, ERR_SETTINGS, "\"%s\" %s", key, what);
    return error_context(d->err, "%s account \"%s\"", d->account->type, d->account->name);
}

static const json_t *given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

/* Text, or a scalar that is read as its text; absent leaves *out alone. */
static enum err_code read_text(struct decode *d, const json_t *object, const char *key,
                               const char **out)
{
    if (!given(object, key))
        return ERR_OK;
    *out = json_text_of(object, key, d->arena);
    return *out ? ERR_OK : bad_key(d, key, "must be text");
}

static enum err_code read_flag(struct decode *d, const json_t *object, const char *key, bool *out)
{
    const char *text = NULL;

    if (read_text(d, object, key, &text))
        return d->err->code;
    if (text && strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)
        return bad_key(d, key, "must be true or false");
    if (text)
        *out = strcasecmp(text, "true") == 0;
    return ERR_OK;
}

static enum err_code read_count(struct decode *d, const json_t *object, const char *key,
                                int64_t min, int64_t max, int64_t *out)
{
    const json_t *value = given(object, key);
    double number;

    if (!value)
        return ERR_OK;
    if (!json_to_double(value, &number) || !(number >= (double)min && number <= (double)max) ||
        number != floor(number))
        return bad_key(d, key,
                       arena_printf(d->arena, "must be a whole number from %lld to %lld",
                                    (long long)min, (long long)max));
    *out = (int64_t)number;
    return ERR_OK;
}

/* The URL under any of the names people know it by. */
static enum err_code find_url(struct decode *d, const char **out)
{
    const json_t *endpoint = given(d->config, "endpoint");

    if (endpoint && !json_is_object(endpoint))
        return bad_key(d, "endpoint", "must be an object with a \"baseUrl\"");
    if (read_text(d, endpoint, "baseUrl", out))
        return d->err->code;
    if (!*out && read_text(d, d->config, "endpoint.baseUrl", out))
        return d->err->code;
    if (!*out && read_text(d, d->config, "baseUrl", out))
        return d->err->code;
    if (!*out && read_text(d, d->config, "url", out))
        return d->err->code;
    return ERR_OK;
}

static char *url_part(CURLU *url, CURLUPart part, unsigned flags, struct arena *arena)
{
    char *text = NULL;
    char *copy = NULL;

    if (curl_url_get(url, part, &text, flags) == CURLUE_OK)
        copy = arena_strdup(arena, text);
    curl_free(text);
    return copy;
}

/* Of a store that reads files. Where it has none it cannot be used, but may be asked what it would
 * ask for. */
static enum err_code decode_path(struct decode *d)
{
    struct strbuf url = {0};

    if (read_text(d, d->config, "path", &d->account->path))
        return d->err->code;
    strbuf_puts(&url, "file://");
    for (const char *at = d->account->path; at && *at; at++) {
        if (*at == '/')
            strbuf_append(&url, at, 1);
        else
            http_percent_encode(&url, (const char[]){*at, '\0'});
    }
    d->account->base_url = arena_strndup(d->arena, url.bytes, url.n_bytes);
    strbuf_clear(&url);
    return ERR_OK;
}

/* Take the user info out of the URL; libcurl's own reading of it could end up in a log. */
static enum err_code decode_url(struct decode *d)
{
    static const char shape[] = "must be an absolute http:// or https:// URL without a query and a "
                                "fragment";
    struct account *account = d->account;
    const char *text = NULL;
    const char *scheme;
    CURLU *url;
    char *base = NULL;

    if (d->collector && d->collector->reads_files)
        return decode_path(d);
    if (find_url(d, &text))
        return d->err->code;
    if ((!text || text[0] == '\0') && d->collector && d->collector->default_url)
        text = d->collector->default_url(d->config, d->arena);
    if (!text || text[0] == '\0')
        text = DEFAULT_BASE_URL;
    url = curl_url();
    if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        goto out;
    scheme = url_part(url, CURLUPART_SCHEME, 0, d->arena);
    if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        strstr(text, ":///") || strpbrk(text, "?#"))
        goto out;
    if (!account->username && !account->username_password_file && !account->bearer_token.value &&
        !account->bearer_token_file && !account->password.value && !account->password_file) {
        account->username = url_part(url, CURLUPART_USER, CURLU_URLDECODE, d->arena);
        account->password.value = url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, d->arena);
    }
    if (curl_url_set(url, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK)
        base = url_part(url, CURLUPART_URL, 0, d->arena);
out:
    curl_url_cleanup(url);
    if (!base)
        return bad_key(d, "endpoint.baseUrl", shape);
    for (size_t n = strlen(base); n > 0 && base[n - 1] == '/'; n--)
        base[n - 1] = '\0';
    account->base_url = base;
    return ERR_OK;
}

/* The credential `name` of `object`, or the file it is in. */
static enum err_code decode_key(struct decode *d, const json_t *object, const char *name)
{
    struct account *account = d->account;
    struct account_key key = {.name = name};

    if (read_text(d, object, name, &key.value.value) ||
        read_text(d, object, arena_printf(d->arena, "%sFile", name), &key.file))
        return d->err->code;
    if (key.value.value || key.file)
        account->keys[account->n_keys++] = key;
    return ERR_OK;
}

/* Headers of a described request (http-json) are credentials, too, under the key
 * "requests.<name>.headers.<header>", but for those that never are. */
static size_t count_request_headers(const struct decode *d)
{
    json_t *requests = json_object_get(d->config, "requests"), *request;
    const char *name;
    size_t n = 0;

    json_object_foreach (requests, name, request)
        n += json_object_size(json_object_get(request, "headers"));
    return n;
}

static void decode_request_headers(struct decode *d)
{
    json_t *requests = json_object_get(d->config, "requests"), *request, *value;
    const char *name, *header;

    json_object_foreach (requests, name, request) {
        json_object_foreach (json_object_get(request, "headers"), header, value) {
            const char *text = json_string_value(value);
            bool is_file = text && strncmp(text, "file:", strlen("file:")) == 0;

            if (text && strcasecmp(header, "Accept") != 0 &&
                strcasecmp(header, "Content-Type") != 0 &&
                strcasecmp(header, "Accept-Language") != 0)
                d->account->keys[d->account->n_keys++] = (struct account_key){
                    .name = arena_printf(d->arena, "requests.%s.headers.%s", name, header),
                    .value = {is_file ? NULL : text},
                    .file = is_file ? text + strlen("file:") : NULL,
                };
        }
    }
}

/* Parameters and variables of which only the name says that they are credentials; how many.
 * `where` NULL: they are only counted. */
static size_t read_params(struct decode *d, const json_t *params, const char *where)
{
    json_t *map = (json_t *)(uintptr_t)params, *value; /* only read */
    const char *name;
    size_t n = 0;

    json_object_foreach (map, name, value) {
        const char *text = json_string_value(value);

        if (!text || !mask_name_is_secret(name) || strstr(text, "${"))
            continue;
        n++;
        if (where)
            d->account->keys[d->account->n_keys++] = (struct account_key){
                .name = arena_printf(d->arena, "%s.%s", where, name),
                .value = {text},
            };
    }
    return n;
}

static size_t read_all_params(struct decode *d, bool is_count)
{
    static const char *const in_account[] = {"queryParams", "vars"};
    static const char *const in_request[] = {"query", "form", "vars"};
    json_t *requests = json_object_get(d->config, "requests"), *request;
    const char *name;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(in_account); i++)
        n += read_params(d, json_object_get(d->config, in_account[i]),
                         is_count ? NULL : in_account[i]);
    json_object_foreach (requests, name, request)
        for (size_t i = 0; i < ARRAY_LEN(in_request); i++)
            n += read_params(
                d, json_object_get(request, in_request[i]),
                is_count ? NULL : arena_printf(d->arena, "requests.%s.%s", name, in_request[i]));
    return n;
}

/* Every credential that some store has under a name of its own. */
static enum err_code decode_keys(struct decode *d)
{
    static const char *const names[] = {"apiKey",   "applicationKey", "accessToken",
                                        "apiToken", "token",          "userKey"};
    static const char *const aws[] = {"accessKeyId", "secretAccessKey", "sessionToken"};
    const json_t *sigv4 = json_object_get(d->config, "sigv4");

    d->account->keys = arena_array(d->arena, struct account_key,
                                   ARRAY_LEN(names) + ARRAY_LEN(aws) + 1 +
                                       count_request_headers(d) + read_all_params(d, true));
    decode_request_headers(d);
    (void)read_all_params(d, false);
    for (size_t i = 0; i < ARRAY_LEN(aws); i++)
        if (decode_key(d, json_is_object(sigv4) ? sigv4 : d->config, aws[i]))
            return d->err->code;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (decode_key(d, d->config, names[i]))
            return d->err->code;
    return decode_key(d, json_object_get(d->config, "oauth2"), "clientSecret");
}

static enum err_code decode_headers(struct decode *d)
{
    json_t *headers = json_object_get(d->config, "headers");
    const char *name;
    json_t *value;

    if (!headers || json_is_null(headers))
        return ERR_OK;
    if (!json_is_object(headers))
        return bad_key(d, "headers", "must map names to values");
    d->account->headers = arena_array(d->arena, struct http_header, json_object_size(headers));
    json_object_foreach (headers, name, value) {
        const char *text = json_text_of(headers, name, d->arena);

        if (!text || strpbrk(text, "\r\n") || !*name || strpbrk(name, "\r\n: "))
            return bad_key(d, "headers", "must map header names to one line of text each");
        d->account->headers[d->account->n_headers++] = (struct http_header){name, text};
    }
    return ERR_OK;
}

static enum err_code decode_tls(struct decode *d)
{
    const json_t *tls = given(d->config, "tls");
    struct tls_options *out = &d->account->tls;

    if (!tls)
        return ERR_OK;
    if (!json_is_object(tls))
        return bad_key(d, "tls", "must be an object");
    if (read_text(d, tls, "caFile", &out->ca_file) ||
        read_text(d, tls, "certFile", &out->cert_file) ||
        read_text(d, tls, "keyFile", &out->key_file) ||
        read_text(d, tls, "keyPassword", &out->key_password.value) ||
        read_text(d, tls, "keyPasswordFile", &out->key_password_file) ||
        read_text(d, tls, "serverName", &out->server_name) ||
        read_flag(d, tls, "insecureSkipVerify", &out->insecure_skip_verify))
        return d->err->code;
    return ERR_OK;
}

/* A status by its number or by the name Spring knows it by. 0: neither. */
static long status_of(const json_t *value)
{
    static const struct {
        const char *name;
        long status;
    } names[] = {
        {"REQUEST_TIMEOUT", 408}, {"CONFLICT", 409},  {"LOCKED", 423},
        {"TOO_EARLY", 425},       {"NOT_FOUND", 404}, {"TOO_MANY_REQUESTS", 429},
    };
    double number;

    if (json_to_double(value, &number))
        return number >= 400 && number <= 599 ? (long)number : 0;
    for (size_t i = 0; json_is_string(value) && i < ARRAY_LEN(names); i++)
        if (strcasecmp(json_string_value(value), names[i].name) == 0)
            return names[i].status;
    return 0;
}

static enum err_code decode_statuses(struct decode *d, const json_t *retry)
{
    static const long usual[] = {408, 429};
    const json_t *list = given(retry, "statuses");
    long *statuses;
    json_t *value;
    size_t i;

    d->account->retry.statuses = usual;
    d->account->retry.n_statuses = ARRAY_LEN(usual);
    if (!list)
        return ERR_OK;
    if (!json_is_array(list) || json_array_size(list) > MAX_STATUSES)
        return bad_key(d, "retry.statuses", "must be a list of HTTP statuses");
    statuses = arena_array(d->arena, long, json_array_size(list));
    json_array_foreach (list, i, value) {
        statuses[i] = status_of(value);
        if (!statuses[i])
            return bad_key(d, "retry.statuses", "must be a list of HTTP statuses, 400 to 599");
    }
    d->account->retry.statuses = statuses;
    d->account->retry.n_statuses = json_array_size(list);
    return ERR_OK;
}

static enum err_code decode_retry(struct decode *d)
{
    const json_t *retry = given(d->config, "retry");
    const json_t *series = given(retry, "series");
    struct retry_policy *out = &d->account->retry;
    int64_t attempts = STORE_RETRY_ATTEMPTS;
    json_t *value;
    size_t i;

    out->backoff_ms = STORE_RETRY_BACKOFF_MS;
    out->server_errors = !series;
    if (retry && !json_is_object(retry))
        return bad_key(d, "retry", "must be an object");
    if (series && !json_is_array(series))
        return bad_key(d, "retry.series", "must be a list such as [SERVER_ERROR]");
    json_array_foreach (series, i, value) {
        if (!json_is_string(value) || strcasecmp(json_string_value(value), "SERVER_ERROR") != 0)
            return bad_key(d, "retry.series", "may only hold SERVER_ERROR");
        out->server_errors = true;
    }
    if (read_count(d, retry, "attempts", 1, MAX_ATTEMPTS, &attempts) ||
        read_count(d, retry, "backoffPeriodMultiplierMs", 0, STORE_RETRY_TOTAL_MS,
                   &out->backoff_ms))
        return d->err->code;
    out->attempts = (unsigned)attempts;
    return decode_statuses(d, retry);
}

static enum err_code decode_redirects(struct decode *d)
{
    static const char *const names[] = {
        [REDIRECT_NONE] = "none",
        [REDIRECT_SAME_ORIGIN] = "same_origin",
        [REDIRECT_FOLLOW] = "follow",
    };
    const char *text = names[REDIRECT_NONE];

    if (read_text(d, d->config, "redirects", &text))
        return d->err->code;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            d->account->redirects = (enum redirect_policy)i;
            return ERR_OK;
        }
    }
    return bad_key(d, "redirects", "must be none, same_origin or follow");
}

static enum err_code decode_list(struct decode *d, const char *key, const json_t **out)
{
    *out = given(d->config, key);
    return *out && !json_is_array(*out) ? bad_key(d, key, "must be a list") : ERR_OK;
}

static enum err_code decode_all(struct decode *d)
{
    struct account *account = d->account;
    int64_t concurrent = STORE_CONCURRENCY;
    int64_t max_bytes =
        d->collector && d->collector->reads_files ? STORE_MAX_FILE_BYTES : STORE_MAX_REPLY_BYTES;
    const json_t *config = d->config;

    account->connect_timeout_ms = d->collector && d->collector->connect_timeout_ms
                                      ? d->collector->connect_timeout_ms
                                      : STORE_CONNECT_TIMEOUT_MS;
    account->read_timeout_ms = d->collector && d->collector->total_timeout_ms
                                   ? d->collector->total_timeout_ms
                                   : STORE_TOTAL_TIMEOUT_MS;
    if (read_text(d, config, "username", &account->username) ||
        read_text(d, config, "password", &account->password.value) ||
        read_text(d, config, "passwordFile", &account->password_file) ||
        read_text(d, config, "usernamePasswordFile", &account->username_password_file) ||
        read_text(d, config, "bearerToken", &account->bearer_token.value) ||
        read_text(d, config, "bearerTokenFile", &account->bearer_token_file) ||
        read_text(d, config, "proxy", &account->proxy) ||
        read_count(d, config, "connectTimeoutMs", 1, MAX_TIMEOUT_MS,
                   &account->connect_timeout_ms) ||
        read_count(d, config, "readTimeoutMs", 1, MAX_TIMEOUT_MS, &account->read_timeout_ms) ||
        read_count(d, config, "maxConcurrentRequests", 1, MAX_CONCURRENT_REQUESTS, &concurrent) ||
        read_count(d, config, "maxResponseBytes", 1, INT32_MAX, &max_bytes) ||
        read_flag(d, config, "strictSeries", &account->strict_series) ||
        read_flag(d, config, "alignWindow", &account->align_window) ||
        read_flag(d, config, "rejectUnsafeValues", &account->reject_unsafe_values) ||
        read_flag(d, config, "keepReplies", &account->keeps_replies) ||
        decode_list(d, "locations", &account->locations) ||
        decode_list(d, "recommendedLocations", &account->recommended_locations) || decode_keys(d) ||
        decode_headers(d) || decode_tls(d) || decode_retry(d) || decode_redirects(d))
        return d->err->code;
    account->max_concurrent_requests = (unsigned)concurrent;
    account->max_response_bytes = (size_t)max_bytes;
    if (decode_url(d))
        return d->err->code;
    return token_source_decode(account, d->arena, &account->token, &account->sigv4, d->err);
}

enum err_code account_decode(const char *type, json_t *config, struct arena *arena,
                             struct account **out, struct error *err)
{
    struct account *account = arena_new(arena, struct account);
    struct decode d = {config, account, collector_find(type), arena, err};

    account->type = type;
    account->name = type;
    account->options = config;
    if (!json_is_object(config))
        return error_set(err, ERR_SETTINGS, "an account of type \"%s\" must be an object", type);
    json_keep(json_incref(config), arena);
    if (read_text(&d, config, "name", &account->name) || decode_all(&d))
        return err->code;
    *out = account;
    return ERR_OK;
}
