/* The two places that look inside a secret: signing a request, and taking every trace of one out of
 * a text before anybody reads it. Both see the credential files as they are now. */
#include "collectors/account.h"

#include "base/limits.h"
#include "collectors/mask.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PREFIX "file:"

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

/* A header's value, and what is left of it without "Bearer " or "session=" before it. */
static void add_header(struct mask *mask, const char *text)
{
    mask_add(mask, text);
    for (const char *mark = " ="; *mark; mark++)
        if (strchr(text, *mark))
            mask_add(mask, strchr(text, *mark) + 1);
}

/* "user:password" in "http://user:password@host". */
static void add_proxy(struct mask *mask, const char *url)
{
    const char *user = url ? strstr(url, "://") : NULL;
    const char *end = user ? strrchr(user, '@') : NULL;
    char *pair;

    if (!end)
        return;
    pair = arena_strndup(mask->arena, user + 3, (size_t)(end - user - 3));
    mask_add(mask, pair);
    if (strchr(pair, ':'))
        mask_add(mask, strchr(pair, ':') + 1);
}

/* Files that cannot be read right now add nothing: then nobody was sent their content either. */
void account_mask_init(const struct account *account, struct arena *arena, struct mask *out)
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
    struct error ignored = {0};
    struct secret secret;
    const char *text;

    *out = (struct mask){.arena = arena};
    for (size_t i = 0; i < account->n_keys; i++, ignored = (struct error){0})
        if (resolve(account->keys[i].value, account->keys[i].file, arena, &secret, &ignored) ==
            ERR_OK)
            mask_add(out, secret.value);
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++, ignored = (struct error){0})
        if (resolve(secrets[i].secret, secrets[i].file, arena, &secret, &ignored) == ERR_OK)
            mask_add(out, secret.value);
    if (user_and_password(account, arena, &text, &ignored) == ERR_OK && text) {
        mask_add(out, text);
        mask_add(out, strchr(text, ':') ? strchr(text, ':') + 1 : text);
    }
    add_proxy(out, account->proxy);
    ignored = (struct error){0};
    for (size_t i = 0; i < account->n_headers; i++, ignored = (struct error){0})
        if (!is_public_header(account->headers[i].name) &&
            header_value(&account->headers[i], arena, &text, &ignored) == ERR_OK)
            add_header(out, text);
}

const char *account_mask(const struct account *account, const char *text, struct arena *arena)
{
    struct mask mask;

    account_mask_init(account, arena, &mask);
    return mask_text(&mask, text);
}
