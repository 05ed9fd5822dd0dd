#include "collectors/fetch_try.h"

#include "base/clock.h"
#include "base/instant.h"
#include "base/limits.h"
#include "collectors/address.h"
#include "collectors/mask.h"
#include "collectors/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HOPS_SAME_ORIGIN 3u
#define MAX_HOPS_FOLLOW 5u
#define FORM_TYPE "application/x-www-form-urlencoded"
#define MAX_CONNECTION_AGE_S 3600L /* so that a moved name is noticed */

/* --- what comes back --- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct fetch_try *try = ctx;

    /* Counted here, after decompression: libcurl's own limit does not see these bytes. */
    if (!strbuf_append(&try->body, bytes, size * count)) {
        try->is_too_large = true;
        return 0;
    }
    return size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct fetch_try *try = ctx;
    size_t n = size * count;
    const char *colon = memchr(bytes, ':', n);
    const char *value;

    try->n_header_bytes += n;
    if (try->n_header_bytes > STORE_MAX_REPLY_HEADER_BYTES) {
        try->is_too_large = true;
        return 0;
    }
    if (n >= 5 && memcmp(bytes, "HTTP/", 5) == 0) { /* a 100 Continue came before */
        try->header_text.n_bytes = 0;
        try->n_headers = 0;
        try->has_whole_head = false;
    } else if (bytes[0] == '\r' || bytes[0] == '\n') {
        try->has_whole_head = true;
    } else if (colon) {
        const char *end = bytes + n;

        for (value = colon + 1; value < end && isspace((unsigned char)*value);)
            value++;
        while (end > value && isspace((unsigned char)end[-1]))
            end--;
        strbuf_append(&try->header_text, bytes, (size_t)(colon - bytes));
        strbuf_append(&try->header_text, "", 1);
        strbuf_append(&try->header_text, value, (size_t)(end - value));
        strbuf_append(&try->header_text, "", 1);
        try->n_headers++;
    }
    return n;
}

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch_try *try = ctx;

    (void)purpose;
    if (address_is_refused(&address->addr) &&
        !(try->account->may_reach_metadata && address_is_metadata(&address->addr))) {
        try->is_address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Name and value of the header at `at`; returns where the next one begins. */
static const char *next_header(const char *at, const char **name, const char **value)
{
    *name = at;
    *value = at + strlen(at) + 1;
    return *value + strlen(*value) + 1;
}

const char *fetch_try_header(const struct fetch_try *try, const char *wanted)
{
    const char *at = try->header_text.bytes;
    const char *name, *value;

    for (size_t i = 0; i < try->n_headers; i++) {
        at = next_header(at, &name, &value);
        if (strcasecmp(name, wanted) == 0)
            return value;
    }
    return NULL;
}

/* The account's own credentials are masked wherever they are shown, but nobody else knows this one.
 * Keys to sign with have a line each, of which the first, their name, is no secret. */
static void hide_token(struct fetch_try *try)
{
    struct mask mask = {.arena = arena_create()};
    const char *secret = try->token;

    if (try->account->sigv4 && secret)
        secret += strcspn(secret, "\n");
    while (secret && *secret) {
        size_t n;

        secret += *secret == '\n';
        n = strcspn(secret, "\n");
        mask_add(&mask, arena_strndup(mask.arena, secret, n));
        secret += n;
    }
    if (mask.n_items)
        mask_hide(&mask, try->body.bytes, try->body.n_bytes);
    arena_free(mask.arena);
}

void fetch_try_take_reply(struct fetch_try *try, struct http_response *out)
{
    size_t list_bytes = try->n_headers * sizeof(struct http_header);
    char *block = mem_alloc(list_bytes + try->header_text.n_bytes + 1, 1);
    const char *at = block + list_bytes;

    if (try->header_text.n_bytes)
        memcpy(block + list_bytes, try->header_text.bytes, try->header_text.n_bytes);
    hide_token(try);
    out->status = try->status;
    out->headers = (struct http_header *)(void *)block;
    out->n_headers = try->n_headers;
    for (size_t i = 0; i < try->n_headers; i++)
        at = next_header(at, &out->headers[i].name, &out->headers[i].value);
    strbuf_append(&try->body, "", 0);
    /* it may be kept for a while, and has grown by doubling */
    out->body = mem_realloc(try->body.bytes, try->body.n_bytes + 1, 1);
    out->n_body_bytes = try->body.n_bytes;
    try->body = (struct strbuf){0};
}

void fetch_try_forget_reply(struct fetch_try *try)
{
    try->status = 0;
    try->body.n_bytes = 0;
    try->body.is_full = false;
    try->header_text.n_bytes = 0;
    try->n_headers = try->n_header_bytes = 0;
    try->has_whole_head = try->is_too_large = try->is_address_refused = false;
    try->curl_text[0] = '\0';
}

/* --- what libcurl is told --- */

static const char *current_url(const struct fetch_try *try)
{
    if (try->url)
        return try->url;
    return try->get_url ? try->get_url : try->request->url;
}

void fetch_try_set_token(struct fetch_try *try, const char *token)
{
    free(try->token);
    try->token = mem_strdup(token);
}

bool fetch_try_may_use_get(const struct fetch_try *try)
{
    const struct http_request *request = try->request;

    for (size_t i = 0; request->body && !try->get_url && i < request->n_headers; i++)
        if (strcasecmp(request->headers[i].name, "Content-Type") == 0)
            return strcasecmp(request->headers[i].value, FORM_TYPE) == 0;
    return request->body && !try->get_url;
}

void fetch_try_use_get(struct fetch_try *try)
{
    struct strbuf url = {0};

    strbuf_printf(&url, "%s%c%s", try->request->url, strchr(try->request->url, '?') ? '&' : '?',
                  try->request->body);
    fetch_try_go_home(try);
    try->get_url = url.bytes;
}

void fetch_try_go_home(struct fetch_try *try)
{
    free(try->url);
    try->url = NULL;
    try->n_hops = 0;
    try->is_foreign = false;
}

/* The account's own headers and Authorization stay at home. */
static bool may_go_abroad(const char *name)
{
    return strcasecmp(name, "Accept") == 0 || strcasecmp(name, "User-Agent") == 0 ||
           strcasecmp(name, "Content-Type") == 0;
}

static void add_line(struct curl_slist **list, const char *fmt, const char *name, const char *value)
{
    struct strbuf line = {0};
    struct curl_slist *grown;

    strbuf_puts(&line, name);
    strbuf_puts(&line, fmt);
    strbuf_puts(&line, value);
    grown = curl_slist_append(*list, line.bytes);
    if (!grown)
        abort(); /* out of memory, as everywhere */
    *list = grown;
    strbuf_clear(&line);
}

/* Signed for each try: a signature is good for some minutes. */
static void sign(struct fetch_try *try)
{
    const struct http_request *request = try->request;
    struct arena *arena = arena_create();
    struct http_header *headers = arena_array(arena, struct http_header, request->n_headers);
    struct sigv4_keys keys = sigv4_keys_unpack(try->token, arena);
    struct sigv4_request signing = {
        .method = try->get_url ? "GET" : request->method,
        .url = current_url(try),
        .headers = headers,
    };
    struct sigv4_headers made;

    for (size_t i = 0; i < request->n_headers; i++)
        if ((strcasecmp(request->headers[i].name, "Content-Type") == 0 && !try->get_url) ||
            strncasecmp(request->headers[i].name, "X-Amz-", strlen("X-Amz-")) == 0)
            headers[signing.n_headers++] = request->headers[i];
    if (request->body && !try->get_url)
        signing.body = (struct str){request->body, request->n_body_bytes};
    made = sigv4_sign(&signing, try->account->sigv4, &keys,
                      clock_wall_ms() / MS_PER_S + try->clock_offset_s, arena);
    for (size_t i = 0; i < made.n_items; i++)
        add_line(&try->header_list, ": ", made.items[i].name, made.items[i].value);
    arena_free(arena);
}

static void set_headers(struct fetch_try *try)
{
    const struct http_request *request = try->request;

    for (size_t i = 0; i < request->n_headers; i++) {
        const struct http_header *header = &request->headers[i];

        if (try->is_foreign && !may_go_abroad(header->name))
            continue;
        if (try->get_url && strcasecmp(header->name, "Content-Type") == 0)
            continue;
        /* "name;" is libcurl's way to send a header without a value */
        add_line(&try->header_list, header->value[0] ? ": " : ";", header->name, header->value);
    }
    if (try->token && !try->is_foreign && try->account->sigv4)
        sign(try);
    else if (try->token && !try->is_foreign)
        add_line(&try->header_list, ": Bearer ", "Authorization", try->token);
    add_line(&try->header_list, ":", "Expect", ""); /* never wait for a 100 Continue */
    curl_easy_setopt(try->easy, CURLOPT_HTTPHEADER, try->header_list);
}

static char *part(CURLU *url, CURLUPart which)
{
    char *text = NULL;

    curl_url_get(url, which, &text, CURLU_DEFAULT_PORT);
    return text;
}

/* Verify the certificate against another name than the URL's: ask for that name, connect to the
 * URL's host, and keep the Host header as it would have been. */
static void set_server_name(struct fetch_try *try, const char *address)
{
    CURLU *url = curl_url();
    char *host, *port, *renamed = NULL;

    if (!url || curl_url_set(url, CURLUPART_URL, address, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        return;
    }
    host = part(url, CURLUPART_HOST);
    port = part(url, CURLUPART_PORT);
    if (host && port && curl_url_set(url, CURLUPART_HOST, try->account->tls.server_name, 0) == 0)
        renamed = part(url, CURLUPART_URL);
    if (renamed) {
        struct strbuf target = {0};

        strbuf_printf(&target, "::%s:%s", host, port);
        add_line(&try->connect_to, "", target.bytes, "");
        strbuf_clear(&target);
        strbuf_printf(&target, "%s:%s", host, port);
        add_line(&try->header_list, ": ", "Host", target.bytes);
        strbuf_clear(&target);
        curl_easy_setopt(try->easy, CURLOPT_URL, renamed);
        curl_easy_setopt(try->easy, CURLOPT_CONNECT_TO, try->connect_to);
    }
    curl_free(host);
    curl_free(port);
    curl_free(renamed);
    curl_url_cleanup(url);
}

static enum err_code set_tls(struct fetch_try *try, struct error *err)
{
    const struct tls_options *tls = &try->account->tls;
    struct secret password = tls->key_password;
    struct arena *arena = NULL;
    CURL *easy = try->easy;

    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls->insecure_skip_verify ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls->insecure_skip_verify ? 0L : 2L);
    if (tls->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
    if (!tls->cert_file || try->is_foreign)
        return ERR_OK;
    if (tls->key_password_file) {
        arena = arena_create();
        if (secret_read(tls->key_password_file, arena, &password, err)) {
            arena_free(arena);
            return err->code;
        }
    }
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert_file);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file ? tls->key_file : tls->cert_file);
    if (password.value)
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, password.value);
    arena_free(arena);
    return ERR_OK;
}

static void set_method(struct fetch_try *try)
{
    const struct http_request *request = try->request;

    if (strcmp(request->method, "GET") != 0 && !try->get_url) {
        curl_easy_setopt(try->easy, CURLOPT_POST, 1L);
        if (strcmp(request->method, "POST") != 0)
            curl_easy_setopt(try->easy, CURLOPT_CUSTOMREQUEST, request->method);
        curl_easy_setopt(try->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->n_body_bytes);
        /* a copy: who asked may leave while others wait for the reply */
        curl_easy_setopt(try->easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "");
    } else {
        curl_easy_setopt(try->easy, CURLOPT_HTTPGET, 1L);
    }
}

enum err_code fetch_try_prepare(struct fetch_try *try, CURL *easy, int64_t timeout_ms,
                                struct error *err)
{
    const struct account *account = try->account;
    const char *url = current_url(try);

    try->easy = easy;
    try->body.max_bytes = account->max_response_bytes;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a stuck name lookup */
    curl_easy_setopt(easy, CURLOPT_PROXY, account->proxy ? account->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    if (strncasecmp(url, "https:", 6) == 0) /* one HTTP/2 connection serves all, once it is there */
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, MAX_CONNECTION_AGE_S);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)account->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, try->curl_text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, try);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, try);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, try);
    set_method(try);
    if (account->tls.server_name && !try->is_foreign)
        set_server_name(try, url);
    set_headers(try);
    return set_tls(try, err);
}

void fetch_try_detach(struct fetch_try *try)
{
    curl_slist_free_all(try->header_list);
    curl_slist_free_all(try->connect_to);
    try->header_list = try->connect_to = NULL;
    try->easy = NULL;
}

void fetch_try_clear(struct fetch_try *try)
{
    fetch_try_detach(try);
    fetch_try_go_home(try);
    free(try->get_url);
    free(try->token);
    try->get_url = try->token = NULL;
    strbuf_clear(&try->body);
    strbuf_clear(&try->header_text);
}

/* --- redirects --- */

struct origin {
    char *scheme, *host, *port;
};

static void origin_clear(struct origin *origin)
{
    curl_free(origin->scheme);
    curl_free(origin->host);
    curl_free(origin->port);
}

static bool origin_read(CURLU *url, struct origin *out)
{
    *out = (struct origin){part(url, CURLUPART_SCHEME), part(url, CURLUPART_HOST),
                           part(url, CURLUPART_PORT)};
    return out->scheme && out->host && out->port;
}

static bool origin_equal(const struct origin *a, const struct origin *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 &&
           strcmp(a->port, b->port) == 0;
}

static const char *why_not(const struct fetch_try *try, const struct origin *home,
                           const struct origin *here, const struct origin *there)
{
    bool is_follow = try->account->redirects == REDIRECT_FOLLOW;

    if (try->n_hops >= (is_follow ? MAX_HOPS_FOLLOW : MAX_HOPS_SAME_ORIGIN))
        return "too many redirects in a row";
    if (strcmp(there->scheme, "http") != 0 && strcmp(there->scheme, "https") != 0)
        return "it points to something else than http and https";
    if (!is_follow && !origin_equal(home, there))
        return "it points to another host, scheme or port";
    if (strcmp(here->scheme, "https") == 0 && strcmp(there->scheme, "https") != 0)
        return "it leads from https to http";
    return NULL;
}

enum err_code fetch_try_redirect(struct fetch_try *try, const char *location, struct error *err)
{
    struct origin home = {0}, here = {0}, there = {0};
    CURLU *url = curl_url();
    char *text = NULL;
    const char *problem = "its location is not a URL";

    if (url && curl_url_set(url, CURLUPART_URL, try->request->url, 0) == CURLUE_OK &&
        origin_read(url, &home) &&
        curl_url_set(url, CURLUPART_URL, current_url(try), 0) == CURLUE_OK &&
        origin_read(url, &here) &&
        curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK && origin_read(url, &there))
        problem = why_not(try, &home, &here, &there);
    if (!problem && curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK) {
        free(try->url);
        try->url = mem_strdup(text);
        try->n_hops++;
        try->is_foreign = !origin_equal(&home, &there);
    } else {
        error_because(err, ERR_UPSTREAM, "store_redirect",
                      "the store's redirect was not followed: %s",
                      problem ? problem : "its location is not a URL");
    }
    curl_free(text);
    origin_clear(&home);
    origin_clear(&here);
    origin_clear(&there);
    curl_url_cleanup(url);
    return err->code;
}
