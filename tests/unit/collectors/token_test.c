/* Tokens without a network: what is asked for, and what is made of the replies. The keys are made
 * on the spot; signatures are checked with OpenSSL's own verification. */
#include "tests/support.h"

#include "base/json.h"
#include "collectors/jwt.h"
#include "collectors/token.h"
#include "tests/collector_case.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1767225600 /* 2026-01-01T00:00:00Z */
#define OK_REPLY                                                                                   \
    "{\"access_token\":\"ya29.c.EXAMPLE\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"

static char *pem_of(EVP_PKEY *key, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes, *text;
    long n;

    assert_int_equal(
        1, PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_128_cbc() : NULL, password,
                                         password ? (int)strlen(password) : 0, NULL, NULL));
    n = BIO_get_mem_data(bio, &bytes);
    text = memcpy(calloc((size_t)n + 1, 1), bytes, (size_t)n);
    BIO_free(bio);
    return text;
}

/* --- signing --- */

static size_t base64url_decode(const char *text, size_t n, unsigned char *out)
{
    char padded[8192];
    int n_out;
    size_t n_padding = (4 - n % 4) % 4;

    memcpy(padded, text, n);
    for (size_t i = 0; i < n; i++)
        padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
    memset(padded + n, '=', n_padding);
    n_out = EVP_DecodeBlock(out, (unsigned char *)padded, (int)(n + n_padding));
    assert_true(n_out >= 0);
    return (size_t)n_out - n_padding;
}

static json_t *json_part(const char *text, size_t n)
{
    unsigned char bytes[8192];
    size_t n_bytes = base64url_decode(text, n, bytes);
    json_t *json = json_loadb((char *)bytes, n_bytes, 0, NULL);

    assert_non_null(json);
    return json;
}

static void jwt_is_signed(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *pem = pem_of(key, NULL);
    const struct jwt_claims claims = {.issuer = "sa@p.iam",
                                      .scope = "a b",
                                      .audience = "https://t/x?y=ä",
                                      .key_id = "kid-1",
                                      .now_unix_s = NOW};
    struct arena *arena = arena_create();
    struct error err = {0};
    const char *jwt = NULL, *first, *second;
    unsigned char signature[1024];
    size_t n_signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    json_t *header, *body;

    (void)state;
    assert_int_equal(ERR_OK, jwt_sign(&claims, pem, arena, &jwt, &err));
    assert_null(strpbrk(jwt, "+/="));
    first = strchr(jwt, '.');
    second = strchr(first + 1, '.');
    header = json_part(jwt, (size_t)(first - jwt));
    body = json_part(first + 1, (size_t)(second - first) - 1);
    assert_string_equal("RS256", json_string_value(json_object_get(header, "alg")));
    assert_string_equal("JWT", json_string_value(json_object_get(header, "typ")));
    assert_string_equal("kid-1", json_string_value(json_object_get(header, "kid")));
    assert_string_equal("sa@p.iam", json_string_value(json_object_get(body, "iss")));
    assert_string_equal("a b", json_string_value(json_object_get(body, "scope")));
    assert_string_equal("https://t/x?y=ä", json_string_value(json_object_get(body, "aud")));
    assert_int_equal(NOW - 10, json_integer_value(json_object_get(body, "iat")));
    assert_int_equal(NOW - 10 + 3600, json_integer_value(json_object_get(body, "exp")));
    n_signature = base64url_decode(second + 1, strlen(second + 1), signature);
    assert_int_equal(256, n_signature);
    assert_int_equal(1, EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key));
    assert_int_equal(1, EVP_DigestVerify(ctx, signature, n_signature, (const unsigned char *)jwt,
                                         (size_t)(second - jwt)));
    json_decref(header);
    json_decref(body);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    free(pem);
    arena_free(arena);
}

static void jwt_refuses_other_keys(void **state)
{
    EVP_PKEY *keys[] = {EVP_RSA_gen(1024), EVP_EC_gen("P-256"), EVP_RSA_gen(2048)};
    char *pems[] = {pem_of(keys[0], NULL), pem_of(keys[1], NULL), pem_of(keys[2], "secret"),
                    strdup("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                    strdup("")};
    const struct jwt_claims claims = {.issuer = "i", .scope = "s", .audience = "a"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
        struct arena *arena = arena_create();
        struct error err = {0};
        const char *jwt;

        row("%zu", i);
        assert_int_equal(ERR_INVALID, jwt_sign(&claims, pems[i], arena, &jwt, &err));
        free(pems[i]);
        arena_free(arena);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        EVP_PKEY_free(keys[i]);
}

/* --- grants --- */

/* A credentials file in a folder of its own. */
static char *credentials(const char *json)
{
    char *path = strdup("/tmp/serinus-token-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(strlen(json), write(fd, json, strlen(json)));
    close(fd);
    return path;
}

struct attempt {
    struct subject subject;
    struct token_grant grant;
    struct error err;
};

static enum err_code begin(struct attempt *attempt, const char *store, json_t *account)
{
    json_auto_t *scope = json_object();

    *attempt = (struct attempt){.subject = subject_of(store, account, scope)};
    assert_non_null(attempt->subject.account->token);
    return token_grant_begin(attempt->subject.account->token, NOW, attempt->subject.arena,
                             &attempt->grant, &attempt->err);
}

static enum err_code answer(struct attempt *attempt, long status, const char *body)
{
    struct http_header flavor = {"metadata-flavor", "Google"};
    const struct http_response reply = {.status = status,
                                        .headers = &flavor,
                                        .n_headers = 1,
                                        .body = body,
                                        .n_body_bytes = strlen(body)};

    return token_grant_answer(&attempt->grant, &reply, NOW, &attempt->err);
}

static void check_done(struct attempt *attempt)
{
    assert_true(attempt->grant.is_done);
    assert_string_equal("ya29.c.EXAMPLE", attempt->grant.token);
    assert_int_equal(3599, attempt->grant.lifetime_s);
    subject_free(&attempt->subject);
}

static json_t *google_account(const char *path, const char *more_key, const char *more)
{
    json_t *account = json_pack("{s:s, s:s}", "project", "p", "jsonPath", path);

    if (more_key)
        json_object_set_new(account, more_key, json_string(more));
    return account;
}

static char *service_account(const char *token_uri)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *pem = pem_of(key, NULL);
    json_auto_t *file = json_pack("{s:s, s:s, s:s, s:s}", "type", "service_account", "client_email",
                                  "sa@p.iam", "private_key", pem, "private_key_id", "k1");
    char *text, *path;

    if (token_uri)
        json_object_set_new(file, "token_uri", json_string(token_uri));
    text = json_dumps(file, 0);
    path = credentials(text);
    free(text);
    free(pem);
    EVP_PKEY_free(key);
    return path;
}

static void token_of_a_service_account(void **state)
{
    static const struct {
        const char *in_file, *configured, *url;
    } cases[] = {
        {NULL, NULL, "https://oauth2.googleapis.com/token"},
        {"https://file.example/t", NULL, "https://file.example/t"},
        {"https://file.example/t", "http://127.0.0.1:1/t", "http://127.0.0.1:1/t"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *path = service_account(cases[i].in_file);
        json_auto_t *account =
            google_account(path, cases[i].configured ? "tokenUrl" : NULL, cases[i].configured);
        struct attempt a;
        const char *assertion;
        json_t *body;

        row("%s", cases[i].url);
        assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
        assert_string_equal("POST", a.grant.request.method);
        assert_string_equal(cases[i].url, a.grant.request.url);
        assert_string_equal("application/x-www-form-urlencoded",
                            request_header(&a.grant.request, "Content-Type"));
        assert_non_null(strstr(a.grant.request.body,
                               "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
                               "&assertion=eyJ"));
        assertion = strstr(a.grant.request.body, "assertion=") + strlen("assertion=");
        body = json_part(strchr(assertion, '.') + 1, strcspn(strchr(assertion, '.') + 1, "."));
        assert_string_equal(cases[i].url, json_string_value(json_object_get(body, "aud")));
        assert_string_equal("https://www.googleapis.com/auth/monitoring.read",
                            json_string_value(json_object_get(body, "scope")));
        json_decref(body);
        assert_false(a.grant.account.may_reach_metadata);
        assert_int_equal(ERR_OK, answer(&a, 200, OK_REPLY));
        check_done(&a);
        unlink(path);
        free(path);
    }
}

static void token_of_a_user(void **state)
{
    char *path = credentials("{\"type\":\"authorized_user\",\"client_id\":\"ci\",\"client_secret\":"
                             "\"c&s\",\"refresh_token\":\"1//rt-secret\"}");
    json_auto_t *account =
        json_pack("{s:{s:s, s:[s,s]}}", "googleAuth", "jsonPath", path, "scopes", "x", "y");
    struct attempt a;

    (void)state;
    assert_int_equal(ERR_OK, begin(&a, "prometheus", account));
    assert_string_equal("grant_type=refresh_token&client_id=ci&client_secret=c%26s"
                        "&refresh_token=1%2F%2Frt-secret",
                        a.grant.request.body);
    assert_int_equal(ERR_UPSTREAM, answer(&a, 400,
                                          "{\"error\":\"invalid_grant\",\"error_description\":"
                                          "\"1//rt-secret has expired\"}"));
    assert_string_equal("store_auth_failed", a.err.reason);
    assert_non_null(strstr(a.err.message, "status 400: invalid_grant: *** has expired"));
    subject_free(&a.subject);
    unlink(path);
    free(path);
}

static void token_of_an_external_account(void **state)
{
    char *subject = credentials("{\"jwt\":\"subject-secret\"}\n");
    json_auto_t *file =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:{s:s, s:s}}}", "type", "external_account",
                  "audience", "//iam/aud", "subject_token_type", "urn:jwt", "token_url",
                  "https://sts.example/token", "service_account_impersonation_url",
                  "https://iam.example/x:generateAccessToken", "credential_source", "file", subject,
                  "format", "type", "json", "subject_token_field_name", "jwt");
    char *text = json_dumps(file, 0);
    char *path = credentials(text);
    json_auto_t *account = google_account(path, NULL, NULL);
    struct attempt a;

    (void)state;
    assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
    assert_string_equal("https://sts.example/token", a.grant.request.url);
    assert_string_equal(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
        "&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
        "&audience=%2F%2Fiam%2Faud"
        "&scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
        "&subject_token=subject-secret&subject_token_type=urn%3Ajwt",
        a.grant.request.body);
    assert_int_equal(ERR_OK, answer(&a, 200, "{\"access_token\":\"base-token\"}"));
    assert_false(a.grant.is_done);
    assert_string_equal("https://iam.example/x:generateAccessToken", a.grant.request.url);
    assert_string_equal("Bearer base-token", request_header(&a.grant.request, "Authorization"));
    assert_string_equal("{\"scope\":[\"https://www.googleapis.com/auth/monitoring.read\"]}",
                        a.grant.request.body);
    assert_int_equal(ERR_OK, answer(&a, 200,
                                    "{\"accessToken\":\"ya29.c.EXAMPLE\",\"expireTime\":"
                                    "\"2026-01-01T00:59:59Z\"}"));
    check_done(&a);
    unlink(path);
    unlink(subject);
    free(path);
    free(subject);
    free(text);
}

static void token_with_a_subject_from_a_url(void **state)
{
    char *path = credentials(
        "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\","
        "\"credential_source\":{\"url\":\"http://127.0.0.1:1/subject\",\"headers\":{\"X-A\":\"b\"}}"
        "}");
    json_auto_t *account = google_account(path, NULL, NULL);
    struct attempt a;

    (void)state;
    assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
    assert_string_equal("GET", a.grant.request.method);
    assert_string_equal("b", request_header(&a.grant.request, "X-A"));
    assert_int_equal(ERR_OK, answer(&a, 200, "subject-1"));
    assert_string_equal("https://sts.googleapis.com/v1/token", a.grant.request.url);
    assert_non_null(strstr(a.grant.request.body, "&subject_token=subject-1&"));
    assert_int_equal(ERR_OK, answer(&a, 200, OK_REPLY));
    check_done(&a);
    unlink(path);
    free(path);
}

static void token_of_another_service_account(void **state)
{
    char *path = service_account(NULL);
    json_auto_t *account = google_account(path, "impersonate", "other@p.iam");
    struct attempt a;
    const char *assertion;
    json_t *body;

    (void)state;
    assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
    assertion = strstr(a.grant.request.body, "assertion=") + strlen("assertion=");
    body = json_part(strchr(assertion, '.') + 1, strcspn(strchr(assertion, '.') + 1, "."));
    assert_string_equal("https://www.googleapis.com/auth/cloud-platform",
                        json_string_value(json_object_get(body, "scope")));
    json_decref(body);
    assert_int_equal(ERR_OK, answer(&a, 200, OK_REPLY));
    assert_string_equal("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
                        "other%40p.iam:generateAccessToken",
                        a.grant.request.url);
    assert_int_equal(ERR_UPSTREAM,
                     answer(&a, 403,
                            "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":"
                            "\"no for ya29.c.EXAMPLE\"}}"));
    assert_non_null(strstr(a.err.message, "status 403: PERMISSION_DENIED: no for ***"));
    subject_free(&a.subject);
    unlink(path);
    free(path);
}

static void token_of_the_metadata_server(void **state)
{
    json_auto_t *account = json_pack("{s:s, s:s}", "project", "p", "proxy", "http://proxy:1");
    const struct http_response plain = {
        .status = 200, .body = OK_REPLY, .n_body_bytes = strlen(OK_REPLY)};
    struct attempt a;

    (void)state;
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    unsetenv("GCE_METADATA_HOST");
    setenv("HOME", "/nowhere", 1);
    assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
    assert_string_equal("http://metadata.google.internal/computeMetadata/v1/instance/"
                        "service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com"
                        "%2Fauth%2Fmonitoring.read",
                        a.grant.request.url);
    assert_string_equal("Google", request_header(&a.grant.request, "Metadata-Flavor"));
    assert_true(a.grant.account.may_reach_metadata);
    assert_null(a.grant.account.proxy);
    assert_int_equal(1000, a.grant.account.connect_timeout_ms);
    assert_int_equal(3, a.grant.account.retry.attempts);
    assert_int_equal(ERR_OK, answer(&a, 200, OK_REPLY));
    check_done(&a);

    setenv("GCE_METADATA_HOST", "127.0.0.1:8080", 1);
    assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
    assert_memory_equal("http://127.0.0.1:8080/compute", a.grant.request.url, 29);
    assert_int_equal(ERR_UPSTREAM, token_grant_answer(&a.grant, &plain, NOW, &a.err));
    assert_non_null(strstr(a.err.message, "metadata server's address is none"));
    subject_free(&a.subject);

    assert_int_equal(ERR_OK, begin(&a, "stackdriver", account));
    assert_int_equal(ERR_UPSTREAM, answer(&a, 404, ""));
    assert_non_null(strstr(a.err.message, "no service account is attached"));
    subject_free(&a.subject);
    unsetenv("GCE_METADATA_HOST");
}

static void token_of_client_credentials(void **state)
{
    json_auto_t *account =
        json_of("{'oauth2':{'tokenUrl':'https://login.example/t','clientId':'me','clientSecret':"
                "'s3cret/x','scopes':['a','b'],'endpointParams':{'resource':'r&s'}}}");
    struct attempt a;

    (void)state;
    assert_int_equal(ERR_OK, begin(&a, "prometheus", account));
    assert_string_equal("https://login.example/t", a.grant.request.url);
    assert_string_equal("grant_type=client_credentials&client_id=me&client_secret=s3cret%2Fx"
                        "&scope=a%20b&resource=r%26s",
                        a.grant.request.body);
    assert_null(
        strstr(account_mask(a.subject.account, a.grant.request.body, a.subject.arena), "s3cret"));
    assert_int_equal(ERR_OK, answer(&a, 200, OK_REPLY));
    check_done(&a);
}

/* Row S20. */
static void token_replies(void **state)
{
    static const struct {
        const char *body;
        int64_t lifetime_s; /* 0: refused */
    } cases[] = {
        {"{\"access_token\":\"t\",\"expires_in\":1}", 1},
        {"{\"access_token\":\"t\",\"expires_in\":59.9}", 59},
        {"{\"access_token\":\"t\"}", 300},
        {"{\"access_token\":\"t\",\"token_type\":\"bearer\",\"expires_in\":9}", 9},
        {"{\"access_token\":\"t\",\"expires_in\":0}", 0},
        {"{\"access_token\":\"t\",\"expires_in\":-1}", 0},
        {"{\"access_token\":\"t\",\"expires_in\":1e12}", 0},
        {"{\"access_token\":\"t\",\"expires_in\":1e400}", 0},
        {"{\"access_token\":\"t\",\"expires_in\":\"3600\"}", 0},
        {"{\"access_token\":\"t\",\"expires_in\":null}", 0},
        {"{\"expires_in\":3600}", 0},
        {"{\"access_token\":\"\",\"expires_in\":3600}", 0},
        {"{\"access_token\":7,\"expires_in\":3600}", 0},
        {"{\"access_token\":\"a b\",\"expires_in\":3600}", 0},
        {"{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}", 0},
        {"{\"access_token\":\"t\",\"token_type\":\"mac\",\"expires_in\":3600}", 0},
        {"{}", 0},
        {"[]", 0},
        {"", 0},
        {"<html>", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *account = json_of("{'oauth2':{'tokenUrl':'https://h/t','clientId':'me',"
                                       "'clientSecret':'s3cret/x'}}");
        struct attempt a;

        row("%s", cases[i].body);
        assert_int_equal(ERR_OK, begin(&a, "prometheus", account));
        assert_int_equal(cases[i].lifetime_s ? ERR_OK : ERR_UPSTREAM,
                         answer(&a, 200, cases[i].body));
        assert_int_equal(cases[i].lifetime_s != 0, a.grant.is_done);
        if (cases[i].lifetime_s)
            assert_int_equal(cases[i].lifetime_s, a.grant.lifetime_s);
        else
            assert_string_equal("store_auth_failed", a.err.reason);
        subject_free(&a.subject);
    }
}

/* Each names what is wrong, and no secret. */
static void token_credential_files(void **state)
{
    static const struct {
        const char *file, *words;
    } cases[] = {
        {"{", "is not JSON"},
        {"{}", "no \"type\""},
        {"{\"type\":\"gdch_service_account\"}", "gdch_service_account"},
        {"{\"type\":\"service_account\"}", "no \"client_email\""},
        {"{\"type\":\"service_account\",\"client_email\":\"e\"}", "no \"private_key\""},
        {"{\"type\":\"service_account\",\"client_email\":\"e\",\"private_key\":\"abc\"}",
         "not an unencrypted RSA key"},
        {"{\"type\":\"authorized_user\",\"client_id\":\"c\"}", "no \"client_secret\""},
        {"{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s\","
         "\"refresh_token\":\"r\",\"token_uri\":\"file:///etc/passwd\"}",
         "not an absolute http"},
        {"{\"type\":\"external_account\",\"credential_source\":{}}", "neither a \"file\""},
        {"{\"type\":\"external_account\",\"credential_source\":{\"executable\":{\"command\":\"x\"}}"
         "}",
         "neither a \"file\""},
        {"{\"type\":\"external_account\",\"credential_source\":{\"file\":\"/nowhere/x\"}}",
         "could not read"},
        {"{\"type\":\"external_account\",\"credential_source\":{\"file\":\"/nowhere/x\",\"format\":"
         "{\"type\":\"json\"}}}",
         "subject_token_field_name"},
        {"{\"type\":\"external_account\",\"credential_source\":{\"url\":\"ftp://x\"}}",
         "not an absolute http"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *path = credentials(cases[i].file);
        json_auto_t *account = google_account(path, NULL, NULL);
        struct attempt a;

        row("%s", cases[i].file);
        assert_int_equal(ERR_UPSTREAM, begin(&a, "stackdriver", account));
        assert_string_equal("store_auth_failed", a.err.reason);
        if (!strstr(a.err.message, cases[i].words))
            fail_msg("%s", a.err.message);
        subject_free(&a.subject);
        unlink(path);
        free(path);
    }
}

static void token_settings(void **state)
{
    static const struct {
        const char *account, *error; /* NULL: fine */
    } cases[] = {
        {"{'oauth2':{'tokenUrl':'https://h','clientId':'c','clientSecretFile':'/f'}}", NULL},
        {"{'oauth2':{'clientId':'c','clientSecret':'s'}}", "oauth2.tokenUrl"},
        {"{'oauth2':{'tokenUrl':'https://h','clientSecret':'s'}}", "oauth2.clientId"},
        {"{'oauth2':{'tokenUrl':'https://h','clientId':'c'}}", "oauth2.clientSecret"},
        {"{'oauth2':{'tokenUrl':'h','clientId':'c','clientSecret':'s'}}", "tokenUrl"},
        {"{'oauth2':{'tokenUrl':'https://u:p@h','clientId':'c','clientSecret':'s'}}", "tokenUrl"},
        {"{'oauth2':7}", "oauth2"},
        {"{'googleAuth':[]}", "googleAuth"},
        {"{'googleAuth':{'scopes':[7]}}", "scopes"},
        {"{'googleAuth':{},'oauth2':{}}", "cannot stand beside"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        json_auto_t *config = json_of(cases[i].account);
        struct account *account = NULL;
        struct error err = {0};

        row("%s", cases[i].account);
        assert_int_equal(cases[i].error ? ERR_SETTINGS : ERR_OK,
                         account_decode("prometheus", config, arena, &account, &err));
        if (cases[i].error)
            assert_non_null(strstr(err.message, cases[i].error));
        arena_free(arena);
    }
}

/* An account with a token of its own, or with other credentials, asks nobody for one. */
static void token_is_not_needed(void **state)
{
    static const struct {
        const char *store, *account;
    } cases[] = {
        {"stackdriver", "{'project':'p','bearerToken':'t'}"},
        {"stackdriver", "{'project':'p','bearerTokenFile':'/t'}"},
        {"prometheus", "{'username':'u','password':'p'}"},
        {"prometheus", "{'googleAuth':null,'oauth2':null}"},
        {"datadog", "{'accessToken':'t'}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject s = subject_of_text(cases[i].store, cases[i].account, "{}");

        row("%s", cases[i].account);
        assert_null(s.account->token);
        subject_free(&s);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwt_is_signed),
        cmocka_unit_test(jwt_refuses_other_keys),
        cmocka_unit_test(token_of_a_service_account),
        cmocka_unit_test(token_of_a_user),
        cmocka_unit_test(token_of_an_external_account),
        cmocka_unit_test(token_with_a_subject_from_a_url),
        cmocka_unit_test(token_of_another_service_account),
        cmocka_unit_test(token_of_the_metadata_server),
        cmocka_unit_test(token_of_client_credentials),
        cmocka_unit_test(token_replies),
        cmocka_unit_test(token_credential_files),
        cmocka_unit_test(token_settings),
        cmocka_unit_test(token_is_not_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
