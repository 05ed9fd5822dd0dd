/* The two places that look inside a secret: signing a request, and taking every trace of one out of
 * a text before anybody reads it. Both see the credential files as they are now. */
#include "collectors/account.h"

#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PREFIX "file:"
#define MASK "***"
#define SECRET_FORMS 3u   /* as it is, in Base64, percent-encoded */
#define MASK_MIN_BYTES 4u /* a shorter credential would blank out half of every message */

static enum err_code unreadable(const char *path, const char *why, struct error *err)
{
    return error_set(err, ERR_SETTINGS, "could not read the credential file %s: %s", path, why);
}

enum err_code secret_read_all(const char *path, struct arena *arena, struct secret *out,
                              struct error *err)
{
    struct stat info = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *problem = NULL;
    char *text = NULL;
    ssize_t n = 0;

    if (fd < 0 || fstat(fd, &info) != 0)
        problem = strerror(errno);
    else if (!S_ISREG(info.st_mode))
        problem = "not a regular file";
    else if (info.st_size > (off_t)SECRET_MAX_BYTES)
        problem = "larger than 64 KiB";
    if (!problem) {
        text = arena_alloc(arena, (size_t)info.st_size + 1, 1);
        n = read(fd, text, (size_t)info.st_size);
        if (n < 0)
            problem = strerror(errno);
    }
    if (fd >= 0)
        close(fd);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    for (; n > 0 && isspace((unsigned char)*text); n--)
        text++;
    if (!problem && (n == 0 || memchr(text, '\0', (size_t)n)))
        problem = "it must hold text";
    if (problem)
        return unreadable(path, problem, err);
    out->value = text;
    return ERR_OK;
}

enum err_code secret_read(const char *path, struct arena *arena, struct secret *out,
                          struct error *err)
{
    struct secret text;

    if (secret_read_all(path, arena, &text, err))
        return err->code;
    if (strpbrk(text.value, "\r\n"))
        return unreadable(path, "it must hold one line of text", err);
    *out = text;
    return ERR_OK;
}

/* The secret itself, or the content of its file where one is named. */
static enum err_code resolve(struct secret secret, const char *file, struct arena *arena,
                             struct secret *out, struct error *err)
{
    *out = secret;
    return file ? secret_read(file, arena, out, err) : ERR_OK;
}

static const char *base64(const char *text, struct arena *arena)
{
    size_t n = strlen(text);
    char *out = arena_alloc(arena, n / 3 * 4 + 5, 1);

    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
    return out;
}

/* "user:password", or NULL when the account signs in some other way. */
static enum err_code user_and_password(const struct account *account, struct arena *arena,
                                       const char **out, struct error *err)
{
    struct secret secret = {0};

    if (account->username_password_file) {
        if (secret_read(account->username_password_file, arena, &secret, err))
            return err->code;
        *out = secret.value;
        return ERR_OK;
    }
    *out = NULL;
    if (account->bearer_token.value || account->bearer_token_file ||
        (!account->username && !account->password.value && !account->password_file))
        return ERR_OK;
    if (resolve(account->password, account->password_file, arena, &secret, err))
        return err->code;
    *out = arena_printf(arena, "%s:%s", account->username ? account->username : "",
                        secret.value ? secret.value : "");
    return ERR_OK;
}

static enum err_code header_value(const struct http_header *header, struct arena *arena,
                                  const char **out, struct error *err)
{
    struct secret secret = {header->value};

    if (strncmp(header->value, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 &&
        secret_read(header->value + strlen(FILE_PREFIX), arena, &secret, err))
        return err->code;
    *out = secret.value;
    return ERR_OK;
}

static enum err_code sign(const struct account *account, struct arena *arena,
                          struct http_request *request, struct error *err)
{
    const char *text;
    struct secret token;

    for (size_t i = 0; i < account->n_headers; i++)
        if (header_value(&account->headers[i], arena, &text, err) ||
            http_request_header(request, arena, account->headers[i].name, text, err))
            return err->code;
    if (user_and_password(account, arena, &text, err))
        return err->code;
    if (text)
        return http_request_header(request, arena, "Authorization",
                                   arena_printf(arena, "Basic %s", base64(text, arena)), err);
    if (resolve(account->bearer_token, account->bearer_token_file, arena, &token, err))
        return err->code;
    if (token.value)
        return http_request_header(request, arena, "Authorization",
                                   arena_printf(arena, "Bearer %s", token.value), err);
    return ERR_OK;
}

enum err_code account_sign(const struct account *account, struct arena *arena,
                           struct http_request *request, struct error *err)
{
    if (sign(account, arena, request, err))
        return error_context(err, "%s account \"%s\"", account->type, account->name);
    return ERR_OK;
}

static const struct account_key *find_key(const struct account *account, const char *name)
{
    for (size_t i = 0; i < account->n_keys; i++)
        if (strcmp(account->keys[i].name, name) == 0)
            return &account->keys[i];
    return NULL;
}

bool account_has_key(const struct account *account, const char *key)
{
    return find_key(account, key) != NULL;
}

enum err_code account_key_read(const struct account *account, const char *key, struct arena *arena,
                               struct secret *out, struct error *err)
{
    const struct account_key *found = find_key(account, key);

    return found ? resolve(found->value, found->file, arena, out, err)
                 : error_set(err, ERR_SETTINGS, "the account has no \"%s\"", key);
}

enum err_code account_sign_key(const struct account *account, const char *key, const char *header,
                               const char *prefix, struct arena *arena,
                               struct http_request *request, struct error *err)
{
    const struct account_key *found = find_key(account, key);
    struct secret secret;

    if (!found)
        return ERR_OK;
    if (resolve(found->value, found->file, arena, &secret, err) ||
        http_request_header(request, arena, header,
                            arena_printf(arena, "%s%s", prefix, secret.value), err))
        return error_context(err, "%s account \"%s\"", account->type, account->name);
    return ERR_OK;
}

/* Which tenant is asked is no secret, and people need to see it. */
static bool is_public_header(const char *name)
{
    return strcasecmp(name, "X-Scope-OrgID") == 0 || strcasecmp(name, "THANOS-TENANT") == 0;
}

/* Whether the header is one that account_sign_key() made. Short credentials count here, too. */
static bool is_key_header(const struct account *account, const struct http_header *header,
                          struct arena *arena)
{
    size_t n_value = strlen(header->value);

    for (size_t i = 0; i < account->n_keys; i++) {
        struct error ignored = {0};
        struct secret secret;
        size_t n;

        if (resolve(account->keys[i].value, account->keys[i].file, arena, &secret, &ignored))
            continue;
        n = strlen(secret.value);
        if (n > 0 && n <= n_value && strcmp(header->value + n_value - n, secret.value) == 0)
            return true;
    }
    return false;
}

const char *account_mask_header(const struct account *account, const struct http_header *header,
                                struct arena *arena)
{
    if (strcasecmp(header->name, "Authorization") == 0)
        return arena_printf(arena, "%.*s" MASK, (int)strcspn(header->value, " ") + 1,
                            strchr(header->value, ' ') ? header->value : "");
    for (size_t i = 0; i < account->n_headers; i++)
        if (strcasecmp(account->headers[i].name, header->name) == 0)
            return is_public_header(header->name) ? header->value : MASK;
    return is_key_header(account, header, arena) ? MASK
                                                 : account_mask(account, header->value, arena);
}

/* Texts that must not be seen. */
struct needles {
    struct str *items; /* room for all of them */
    size_t n_items;
    struct arena *arena;
};

static void add_needle(struct needles *needles, const char *text)
{
    if (strlen(text) >= MASK_MIN_BYTES)
        needles->items[needles->n_items++] = str_of(text);
}

/* The text and the forms in which it travels, SECRET_FORMS in all. */
static void add_secret(struct needles *needles, const char *text)
{
    struct strbuf encoded = {0};

    if (!text || text[0] == '\0')
        return;
    add_needle(needles, text);
    add_needle(needles, base64(text, needles->arena));
    http_percent_encode(&encoded, text);
    if (encoded.n_bytes > strlen(text))
        add_needle(needles, arena_strdup(needles->arena, encoded.bytes));
    strbuf_clear(&encoded);
}

/* Files that cannot be read right now add nothing: then nobody was sent their content either. */
static void collect_needles(const struct account *account, struct needles *needles)
{
    const struct {
        struct secret secret;
        const char *file;
    } secrets[] = {
        {account->password, NULL},
        {account->bearer_token, NULL},
        {account->tls.key_password, NULL},
        {{0}, account->password_file},
        {{0}, account->bearer_token_file},
        {{0}, account->username_password_file},
        {{0}, account->tls.key_password_file},
    };
    /* 2: user and password */
    size_t n_secrets = ARRAY_LEN(secrets) + 2 + account->n_keys + account->n_headers;
    const char *text;

    needles->items = arena_array(needles->arena, struct str, n_secrets * SECRET_FORMS);
    for (size_t i = 0; i < account->n_keys; i++) {
        struct error ignored = {0};
        struct secret secret;

        if (resolve(account->keys[i].value, account->keys[i].file, needles->arena, &secret,
                    &ignored) == ERR_OK)
            add_secret(needles, secret.value);
    }
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct error ignored = {0};
        struct secret secret;

        if (resolve(secrets[i].secret, secrets[i].file, needles->arena, &secret, &ignored) ==
            ERR_OK)
            add_secret(needles, secret.value);
    }
    {
        struct error ignored = {0};

        if (user_and_password(account, needles->arena, &text, &ignored) == ERR_OK && text) {
            add_secret(needles, text);
            add_secret(needles, strchr(text, ':') ? strchr(text, ':') + 1 : text);
        }
    }
    for (size_t i = 0; i < account->n_headers; i++) {
        struct error ignored = {0};

        if (!is_public_header(account->headers[i].name) &&
            header_value(&account->headers[i], needles->arena, &text, &ignored) == ERR_OK)
            add_secret(needles, text);
    }
}

/* The longest needle that starts at `text`, so that no part of one is left standing. */
static size_t needle_at(const struct needles *needles, const char *text, size_t n_bytes)
{
    size_t longest = 0;

    for (size_t i = 0; i < needles->n_items; i++) {
        struct str item = needles->items[i];

        if (item.n_bytes > longest && item.n_bytes <= n_bytes &&
            memcmp(item.bytes, text, item.n_bytes) == 0)
            longest = item.n_bytes;
    }
    return longest;
}

/* Bytes of "user:password" in "user:password@host", 0 for none. */
static size_t user_info_at(const char *text)
{
    size_t end = strcspn(text, "/?# \t\r\n\"'<>");

    while (end > 0 && text[end] != '@')
        end--;
    return end;
}

const char *account_mask(const struct account *account, const char *text, struct arena *arena)
{
    struct needles needles = {.arena = arena};
    struct strbuf out = {0};
    size_t n_bytes = strlen(text);
    const char *copy;

    collect_needles(account, &needles);
    for (size_t at = 0; at < n_bytes;) {
        size_t n = needle_at(&needles, text + at, n_bytes - at);

        if (!n && at >= 3 && memcmp(text + at - 3, "://", 3) == 0)
            n = user_info_at(text + at);
        if (n)
            strbuf_puts(&out, MASK);
        else
            strbuf_append(&out, text + at, 1);
        at += n ? n : 1;
    }
    copy = arena_strndup(arena, out.bytes, out.n_bytes);
    strbuf_clear(&out);
    return copy;
}
