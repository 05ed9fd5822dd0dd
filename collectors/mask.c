/* Each credential is looked for in two ways: byte for byte, where a byte may be written as itself
 * or in any of the encodings below; and as Base64 of something that holds it. There, the credential
 * may start at any of three places within a group of three bytes, which gives three texts of which
 * the middle is always the same: what the neighbours have a part in is cut from both ends. */
#include "collectors/mask.h"

#include "base/error.h"
#include "base/str.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GROUP_BYTES 3u /* of Base64, which makes four characters of them */

struct needle {
    const char *bytes;
    size_t n_bytes;
    bool is_base64;
};

static void add_needle(struct mask *mask, const char *bytes, size_t n_bytes, bool is_base64)
{
    static const char escapes[] = "%\\&"; /* what every encoding begins with */

    if (n_bytes < MASK_MIN_BYTES)
        return;
    mask->items =
        arena_grow(mask->arena, mask->items, mask->n_items, &mask->capacity, sizeof(*mask->items));
    mask->items[mask->n_items++] = (struct needle){bytes, n_bytes, is_base64};
    for (const char *at = escapes; *at; at++)
        mask->may_start[(unsigned char)*at] = true;
    mask->may_start[(unsigned char)*bytes] = true;
    if (is_base64 && (*bytes == '+' || *bytes == '/'))
        mask->may_start['-'] = mask->may_start['_'] = true;
    if (*bytes == ' ' || *bytes == '+')
        mask->may_start['+'] = mask->may_start[' '] = true;
}

static void add_base64(struct mask *mask, const char *secret, size_t n_secret, size_t n_before)
{
    static const size_t n_cut[GROUP_BYTES] = {0, 2, 3}; /* characters that hold bits of before */
    size_t n = n_before + n_secret;
    char *bytes = arena_alloc(mask->arena, n, 1);
    char *out = arena_alloc(mask->arena, n / GROUP_BYTES * 4 + 5, 1);
    size_t n_whole = n * 8 / 6; /* characters without bits of what follows */

    memset(bytes, 0, n_before);
    memcpy(bytes + n_before, secret, n_secret);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)bytes, (int)n);
    if (n_whole > n_cut[n_before])
        add_needle(mask, out + n_cut[n_before], n_whole - n_cut[n_before], true);
}

void mask_add(struct mask *mask, const char *secret)
{
    size_t n = secret ? strlen(secret) : 0;

    if (n < MASK_MIN_BYTES)
        return;
    add_needle(mask, secret, n, false);
    for (size_t n_before = 0; n_before < GROUP_BYTES; n_before++)
        add_base64(mask, secret, n, n_before);
}

/* --- one byte, and how it may be written --- */

static int hex_value(const char *digits)
{
    char copy[] = {digits[0], digits[1], '\0'};

    return isxdigit((unsigned char)copy[0]) && isxdigit((unsigned char)copy[1])
               ? (int)strtol(copy, NULL, 16)
               : -1;
}

/* "%2B", and "%252B" where that was encoded once more. */
static size_t percent_length(unsigned char want, const char *text, size_t n)
{
    if (n >= 5 && memcmp(text, "%25", 3) == 0 && hex_value(text + 3) == want)
        return 5;
    return n >= 3 && hex_value(text + 1) == want ? 3 : 0;
}

static size_t backslash_length(unsigned char want, const char *text, size_t n)
{
    if (n >= 6 && memcmp(text, "\\u00", 4) == 0 && hex_value(text + 4) == want)
        return 6;
    return n >= 2 && text[1] == (char)want && strchr("\"\\/'", want) ? 2 : 0;
}

static size_t entity_length(unsigned char want, const char *text, size_t n)
{
    static const struct {
        const char *text;
        unsigned char byte;
    } names[] = {{"&amp;", '&'}, {"&lt;", '<'},    {"&gt;", '>'},   {"&quot;", '"'},
                 {"&#34;", '"'}, {"&apos;", '\''}, {"&#39;", '\''}, {"&#x27;", '\''},
                 {"&#43;", '+'}, {"&#47;", '/'},   {"&#61;", '='},  {"&#x2F;", '/'}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n_name = strlen(names[i].text);

        if (names[i].byte == want && n >= n_name && strncasecmp(text, names[i].text, n_name) == 0)
            return n_name;
    }
    return 0;
}

/* Bytes that stand for `want`; 0: something else does. */
static size_t encoded_length(unsigned char want, bool is_base64, const char *text, size_t n)
{
    size_t length = 0;

    if (*text == '%')
        length = percent_length(want, text, n);
    else if (*text == '\\')
        length = backslash_length(want, text, n);
    else if (*text == '&')
        length = entity_length(want, text, n);
    if (length || *text == (char)want)
        return length ? length : 1;
    if (is_base64) /* the alphabet for URLs */
        return (want == '+' && *text == '-') || (want == '/' && *text == '_');
    return (want == ' ' && *text == '+') || (want == '+' && *text == ' '); /* of a form */
}

static size_t match_encoded(const struct needle *needle, const char *text, size_t n_bytes)
{
    size_t at = 0;

    for (size_t i = 0; i < needle->n_bytes; i++) {
        size_t n = at < n_bytes ? encoded_length((unsigned char)needle->bytes[i], needle->is_base64,
                                                 text + at, n_bytes - at)
                                : 0;

        if (!n)
            return 0;
        at += n;
    }
    return at;
}

/* The rest of the group, which holds the credential's last bits, and what fills it up. */
static size_t base64_end(const char *text, size_t at, size_t n_bytes)
{
    if (at < n_bytes && (isalnum((unsigned char)text[at]) || strchr("+/-_", text[at])))
        at++;
    while (at < n_bytes && encoded_length('=', true, text + at, n_bytes - at))
        at += encoded_length('=', true, text + at, n_bytes - at);
    return at;
}

/* Bytes of `text` that hold a credential, from its first byte on. The longest counts, so that no
 * part of one is left standing. */
static size_t match(const struct mask *mask, const char *text, size_t n_bytes)
{
    size_t longest = 0;

    if (n_bytes == 0 || !mask->may_start[(unsigned char)*text])
        return 0;
    for (size_t i = 0; i < mask->n_items; i++) {
        const struct needle *needle = &mask->items[i];
        size_t n = needle->n_bytes <= n_bytes && memcmp(needle->bytes, text, needle->n_bytes) == 0
                       ? needle->n_bytes
                       : match_encoded(needle, text, n_bytes);

        if (n && needle->is_base64)
            n = base64_end(text, n, n_bytes);
        if (n > longest)
            longest = n;
    }
    return longest;
}

void mask_hide(const struct mask *mask, char *bytes, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes; at++) {
        size_t n = match(mask, bytes + at, n_bytes - at);

        if (n) {
            memset(bytes + at, '*', n);
            at += n - 1;
        }
    }
}

/* Bytes of "user:password" in "user:password@host", 0 for none. */
static size_t user_info_at(const char *text)
{
    size_t end = strcspn(text, "/?# \t\r\n\"'<>");

    while (end > 0 && text[end] != '@')
        end--;
    return end;
}

const char *mask_text(const struct mask *mask, const char *text)
{
    struct strbuf out = {0};
    size_t n_bytes = strlen(text);
    const char *copy;

    for (size_t at = 0; at < n_bytes;) {
        size_t n = match(mask, text + at, n_bytes - at);

        if (!n && at >= 3 && memcmp(text + at - 3, "://", 3) == 0)
            n = user_info_at(text + at);
        if (n)
            strbuf_puts(&out, MASK);
        else
            strbuf_append(&out, text + at, 1);
        at += n ? n : 1;
    }
    copy = arena_strndup(mask->arena, out.bytes, out.n_bytes);
    strbuf_clear(&out);
    return copy;
}

bool mask_name_is_secret(const char *name)
{
    static const char *const parts[] = {
        "password",       "passwd",    "passphrase",    "secret",          "token",   "credential",
        "apikey",         "appkey",    "accesskey",     "authkey",         "userkey", "licensekey",
        "applicationkey", "signature", "authorization", "subscriptionkey",
    };
    static const char *const names[] = {"key", "sig", "pwd", "auth"};
    char word[64];
    size_t n = 0;

    for (; *name && n + 1 < sizeof(word); name++)
        if (*name != '-' && *name != '_')
            word[n++] = (char)tolower((unsigned char)*name);
    word[n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strstr(word, parts[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(word, names[i]) == 0)
            return true;
    return false;
}
