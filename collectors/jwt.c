#include "collectors/jwt.h"

#include "base/json.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define LIFETIME_S 3600
#define CLOCK_SKEW_S 10
#define MIN_KEY_BITS 2048 /* RFC 7518 3.3 */

static const char *base64url(const unsigned char *bytes, size_t n_bytes, struct arena *arena)
{
    char *out = arena_alloc(arena, n_bytes / 3 * 4 + 5, 1);
    int n = EVP_EncodeBlock((unsigned char *)out, bytes, (int)n_bytes);

    while (n > 0 && out[n - 1] == '=')
        out[--n] = '\0';
    for (char *c = out; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    return out;
}

static const char *base64url_json(const json_t *json, struct arena *arena)
{
    const char *text = json_write_arena(json, arena);

    return base64url((const unsigned char *)text, strlen(text), arena);
}

/* An encrypted key would make OpenSSL ask on the terminal. */
static int no_password(char *buffer, int size, int is_writing, void *ctx)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static const char *sign(EVP_PKEY *key, const char *text, struct arena *arena)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *out = NULL;
    size_t n_bytes = 0;
    unsigned char *bytes;

    if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(ctx, NULL, &n_bytes, (const unsigned char *)text, strlen(text)) == 1) {
        bytes = arena_alloc(arena, n_bytes, 1);
        if (EVP_DigestSign(ctx, bytes, &n_bytes, (const unsigned char *)text, strlen(text)) == 1)
            out = base64url(bytes, n_bytes, arena);
    }
    EVP_MD_CTX_free(ctx);
    return out;
}

enum err_code jwt_sign(const struct jwt_claims *claims, const char *private_key_pem,
                       struct arena *arena, const char **out, struct error *err)
{
    json_int_t issued_s = claims->now_unix_s - CLOCK_SKEW_S;
    json_auto_t *header = json_pack("{s:s, s:s}", "alg", "RS256", "typ", "JWT");
    json_auto_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", claims->issuer, "scope", claims->scope, "aud",
                  claims->audience, "iat", issued_s, "exp", issued_s + LIFETIME_S);
    BIO *pem = BIO_new_mem_buf(private_key_pem, -1);
    EVP_PKEY *key = pem ? PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL) : NULL;
    const char *text, *signature = NULL;

    json_set_text(header, "kid", claims->key_id);
    text = arena_printf(arena, "%s.%s", base64url_json(header, arena), base64url_json(body, arena));
    if (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) >= MIN_KEY_BITS)
        signature = sign(key, text, arena);
    EVP_PKEY_free(key);
    BIO_free(pem);
    if (!signature)
        return error_set(err, ERR_INVALID,
                         "the private key is not an unencrypted RSA key of %d bits or more",
                         MIN_KEY_BITS);
    *out = arena_printf(arena, "%s.%s", text, signature);
    return ERR_OK;
}
