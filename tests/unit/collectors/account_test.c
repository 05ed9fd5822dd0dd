#include "tests/support.h"

#include "base/limits.h"
#include "collectors/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ' stands for " */
static json_t *json_of(const char *text)
{
    char *copy = strdup(text);
    json_t *json;

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json = json_loads(copy, 0, NULL);
    if (!json)
        fail_msg("%s", text);
    free(copy);
    return json;
}

static struct account *decode(struct arena *arena, const char *text)
{
    struct account *account = NULL;
    struct error err = {0};
    json_t *json = json_of(text);

    if (account_decode("prometheus", json, arena, &account, &err))
        fail_msg("%s: %s", text, err.message);
    json_decref(json); /* the arena holds its own reference */
    return account;
}

static void account_decode_defaults(void **state)
{
    struct arena *arena = arena_create();
    struct account *account = decode(arena, "{}");

    (void)state;
    assert_string_equal("http://localhost", account->base_url);
    assert_string_equal("prometheus", account->type);
    assert_null(account->username);
    assert_int_equal(STORE_CONNECT_TIMEOUT_MS, account->connect_timeout_ms);
    assert_int_equal(STORE_TOTAL_TIMEOUT_MS, account->read_timeout_ms);
    assert_int_equal(STORE_CONCURRENCY, account->max_concurrent_requests);
    assert_int_equal(STORE_MAX_REPLY_BYTES, account->max_response_bytes);
    assert_int_equal(10, account->retry.attempts);
    assert_int_equal(1000, account->retry.backoff_ms);
    assert_true(account->retry.server_errors);
    assert_int_equal(2, account->retry.n_statuses);
    assert_int_equal(408, account->retry.statuses[0]);
    assert_int_equal(429, account->retry.statuses[1]);
    assert_int_equal(REDIRECT_NONE, account->redirects);
    assert_false(account->strict_series || account->align_window || account->reject_unsafe_values);
    arena_free(arena);
}

static void account_decode_everything(void **state)
{
    struct arena *arena = arena_create();
    struct account *account = decode(
        arena,
        "{'name':'prod','endpoint':{'baseUrl':'https://h:9090/p/'},'proxy':'http://proxy:3128',"
        "'connectTimeoutMs':'1500','readTimeoutMs':2500,'maxConcurrentRequests':3,"
        "'maxResponseBytes':4096,'strictSeries':'true','alignWindow':true,'rejectUnsafeValues':"
        "true,"
        "'redirects':'follow','locations':['a'],'recommendedLocations':['b'],'scopeLabel':'vm',"
        "'retry':{'attempts':'3','backoffPeriodMultiplierMs':7,'series':[],'statuses':"
        "['TOO_MANY_REQUESTS',503,'409']},"
        "'tls':{'caFile':'ca','certFile':'c','keyFile':'k','keyPasswordFile':'kp','serverName':'n',"
        "'insecureSkipVerify':true},'headers':{'X-A':'1','X-B':2},'username':null}");

    (void)state;
    assert_string_equal("prod", account->name);
    assert_string_equal("https://h:9090/p", account->base_url);
    assert_string_equal("http://proxy:3128", account->proxy);
    assert_int_equal(1500, account->connect_timeout_ms);
    assert_int_equal(2500, account->read_timeout_ms);
    assert_int_equal(3, account->max_concurrent_requests);
    assert_int_equal(4096, account->max_response_bytes);
    assert_true(account->strict_series && account->align_window && account->reject_unsafe_values);
    assert_int_equal(REDIRECT_FOLLOW, account->redirects);
    assert_int_equal(1, json_array_size(account->locations));
    assert_int_equal(1, json_array_size(account->recommended_locations));
    assert_int_equal(3, account->retry.attempts);
    assert_int_equal(7, account->retry.backoff_ms);
    assert_false(account->retry.server_errors);
    assert_int_equal(3, account->retry.n_statuses);
    assert_int_equal(429, account->retry.statuses[0]);
    assert_int_equal(503, account->retry.statuses[1]);
    assert_int_equal(409, account->retry.statuses[2]);
    assert_string_equal("ca", account->tls.ca_file);
    assert_string_equal("kp", account->tls.key_password_file);
    assert_true(account->tls.insecure_skip_verify);
    assert_int_equal(2, account->n_headers);
    assert_string_equal("2", account->headers[1].value);
    assert_string_equal("vm", json_string_value(json_object_get(account->options, "scopeLabel")));
    arena_free(arena);
}

static void account_decode_refuses(void **state)
{
    static const struct {
        const char *account, *key;
    } cases[] = {
        {"{'url':'localhost:9090'}", "baseUrl"},
        {"{'url':'/relative'}", "baseUrl"},
        {"{'url':'file:///etc/passwd'}", "baseUrl"},
        {"{'url':'ftp://h'}", "baseUrl"},
        {"{'url':'http://'}", "baseUrl"},
        {"{'url':'http:///path'}", "baseUrl"},
        {"{'url':'http://h/#top'}", "baseUrl"},
        {"{'url':'http://h/#'}", "baseUrl"},
        {"{'url':'http://h/?a=b'}", "baseUrl"},
        {"{'url':'http://a b/'}", "baseUrl"},
        {"{'url':'http://h:99999/'}", "baseUrl"},
        {"{'url':['http://h']}", "url"},
        {"{'endpoint':'http://h'}", "endpoint"},
        {"{'name':{}}", "name"},
        {"{'username':[]}", "username"},
        {"{'connectTimeoutMs':0}", "connectTimeoutMs"},
        {"{'readTimeoutMs':'soon'}", "readTimeoutMs"},
        {"{'maxConcurrentRequests':1.5}", "maxConcurrentRequests"},
        {"{'maxConcurrentRequests':-1}", "maxConcurrentRequests"},
        {"{'maxResponseBytes':0}", "maxResponseBytes"},
        {"{'strictSeries':'maybe'}", "strictSeries"},
        {"{'redirects':'always'}", "redirects"},
        {"{'headers':['a']}", "headers"},
        {"{'headers':{'X':'a\\r\\nY: b'}}", "headers"},
        {"{'headers':{'X: y':'a'}}", "headers"},
        {"{'headers':{'X':{}}}", "headers"},
        {"{'tls':true}", "tls"},
        {"{'retry':3}", "retry"},
        {"{'retry':{'attempts':0}}", "attempts"},
        {"{'retry':{'series':['CLIENT_ERROR']}}", "retry.series"},
        {"{'retry':{'series':'SERVER_ERROR'}}", "retry.series"},
        {"{'retry':{'statuses':[200]}}", "retry.statuses"},
        {"{'retry':{'statuses':['NO_SUCH']}}", "retry.statuses"},
        {"{'locations':'here'}", "locations"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct error err = {0};
        struct account *account;
        json_auto_t *json = json_of(cases[i].account);
        char text[256];

        row("%s", cases[i].account);
        assert_int_equal(ERR_SETTINGS, account_decode("prometheus", json, arena, &account, &err));
        assert_non_null(strstr(err.message, cases[i].key));
        assert_non_null(strstr(error_text(&err, text, sizeof(text)), "prometheus account"));
        arena_free(arena);
    }
}

static const char *header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

/* Base64 by `printf ... | base64`. */
static void account_sign_precedence(void **state)
{
    static const struct {
        const char *account, *authorization;
    } cases[] = {
        {"{}", NULL},
        {"{'username':'u','password':'p'}", "Basic dTpw"},
        {"{'username':'u'}", "Basic dTo="},
        {"{'password':'p'}", "Basic OnA="},
        {"{'bearerToken':'t'}", "Bearer t"},
        {"{'bearerToken':'t','username':'u','password':'p'}", "Bearer t"},
        {"{'usernamePasswordFile':'FILE','bearerToken':'t'}", "Basic Y2FuYXJ5OnMzY3JldA=="},
        {"{'bearerTokenFile':'FILE','username':'u'}", "Bearer canary:s3cret"},
        {"{'bearerTokenFile':'FILE','bearerToken':'t'}", "Bearer canary:s3cret"},
        {"{'username':'u','passwordFile':'FILE'}", "Basic dTpjYW5hcnk6czNjcmV0"},
        {"{'url':'https://us%40er:p%3aw@h/x'}", "Basic dXNAZXI6cDp3"},
        {"{'url':'https://user:pw@h','bearerToken':'t'}", "Bearer t"},
    };
    char path[] = "/tmp/account-test-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(17, write(fd, " \ncanary:s3cret\r\n", 17));
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct http_request request = {0};
        struct error err = {0};
        char text[256];
        const char *at = strstr(cases[i].account, "FILE'");

        row("%s", cases[i].account);
        snprintf(text, sizeof(text), "%.*s%s%s",
                 (int)(at ? (size_t)(at - cases[i].account) : strlen(cases[i].account)),
                 cases[i].account, at ? path : "", at ? at + 4 : "");
        assert_int_equal(ERR_OK, account_sign(decode(arena, text), arena, &request, &err));
        if (cases[i].authorization)
            assert_string_equal(cases[i].authorization, header(&request, "Authorization"));
        else
            assert_null(header(&request, "Authorization"));
        arena_free(arena);
    }
    unlink(path);
}

static void account_user_info_is_taken_out_of_the_url(void **state)
{
    struct arena *arena = arena_create();
    struct account *account = decode(arena, "{'url':'https://user:canary-pw@h:1/x/'}");

    (void)state;
    assert_string_equal("https://h:1/x", account->base_url);
    assert_string_equal("user", account->username);
    assert_string_equal("canary-pw", account->password.value);
    arena_free(arena);
}

static void account_files_are_read_again(void **state)
{
    char path[] = "/tmp/account-test-XXXXXX";
    int fd = mkstemp(path);
    struct arena *arena = arena_create();
    char text[128];
    struct account *account;

    (void)state;
    close(fd);
    snprintf(text, sizeof(text), "{'bearerTokenFile':'%s','headers':{'X-Key':'file:%s'}}", path,
             path);
    account = decode(arena, text);
    for (int i = 0; i < 2; i++) {
        struct http_request request = {0};
        struct error err = {0};
        FILE *file = fopen(path, "w");

        fprintf(file, "token-%d\n", i);
        fclose(file);
        assert_int_equal(ERR_OK, account_sign(account, arena, &request, &err));
        snprintf(text, sizeof(text), "Bearer token-%d", i);
        assert_string_equal(text, header(&request, "Authorization"));
        assert_string_equal(text + 7, header(&request, "X-Key"));
    }
    unlink(path);
    arena_free(arena);
}

static void secret_read_refuses(void **state)
{
    static const struct {
        const char *name, *content;
        size_t n_bytes; /* 0: of the text */
        bool is_fine;
    } cases[] = {
        {"empty", "", 0, false},
        {"blank", " \n\t", 0, false},
        {"two lines", "a\nb", 0, false},
        {"NUL", "a\0b", 3, false},
        {"largest", NULL, SECRET_MAX_BYTES, true},
        {"too large", NULL, SECRET_MAX_BYTES + 1, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[] = "/tmp/account-test-XXXXXX";
        int fd = mkstemp(path);
        size_t n = cases[i].n_bytes ? cases[i].n_bytes : strlen(cases[i].content);
        char *content = malloc(n + 1);
        struct arena *arena = arena_create();
        struct secret secret = {0};
        struct error err = {0};

        row("%s", cases[i].name);
        memset(content, 'x', n);
        if (cases[i].content)
            memcpy(content, cases[i].content, n);
        assert_int_equal(n, write(fd, content, n));
        close(fd);
        assert_int_equal(cases[i].is_fine ? ERR_OK : ERR_SETTINGS,
                         secret_read(path, arena, &secret, &err));
        if (!cases[i].is_fine) {
            assert_non_null(strstr(err.message, path));
            assert_null(secret.value);
        }
        unlink(path);
        free(content);
        arena_free(arena);
    }
    for (size_t i = 0; i < 2; i++) {
        struct arena *arena = arena_create();
        struct secret secret = {0};
        struct error err = {0};

        assert_int_equal(ERR_SETTINGS,
                         secret_read(i ? "/tmp" : "/nonexistent/x", arena, &secret, &err));
        arena_free(arena);
    }
}

static void account_mask_texts(void **state)
{
    static const struct {
        const char *account, *text, *expected;
    } cases[] = {
        {"{}", "", ""},
        {"{}", "nothing to hide", "nothing to hide"},
        {"{}", "see https://user:pw@h/x?a=b@c", "see https://***@h/x?a=b@c"},
        {"{}", "http://h/a@b and ://", "http://h/a@b and ://"},
        {"{'bearerToken':'canary-token'}", "got canary-token.", "got ***."},
        {"{'bearerToken':'can/ary+1'}", "x=can%2Fary%2B1&y", "x=***&y"},
        {"{'bearerToken':'canary-token'}", "Y2FuYXJ5LXRva2Vu", "***"},
        {"{'username':'user','password':'canary-pw'}", "dXNlcjpjYW5hcnktcHc=", "***"},
        {"{'username':'user','password':'canary-pw'}", "user canary-pw", "user ***"},
        {"{'url':'http://user:canary-pw@h'}", "canary-pw", "***"},
        {"{'bearerToken':'long-canary','headers':{'X':'long-canary-2'}}", "long-canary-2", "***"},
        {"{'headers':{'X-Api-Key':'canary-key'}}", "canary-key", "***"},
        {"{'headers':{'X-Scope-OrgID':'tenant-1'}}", "tenant-1", "tenant-1"},
        {"{'tls':{'keyPassword':'canary-key'}}", "canary-key", "***"},
        {"{'password':'p'}", "a proper sentence", "a proper sentence"},
        {"{'passwordFile':'/nonexistent'}", "text", "text"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();

        row("%s: %s", cases[i].account, cases[i].text);
        assert_string_equal(cases[i].expected,
                            account_mask(decode(arena, cases[i].account), cases[i].text, arena));
        arena_free(arena);
    }
}

/* However many there are. */
static void account_mask_many_headers(void **state)
{
    struct arena *arena = arena_create();
    struct strbuf config = {0}, text = {0}, masked = {0};

    (void)state;
    strbuf_puts(&config, "{'headers':{");
    for (int i = 0; i < 70; i++) {
        strbuf_printf(&config, "%s'X-Key-%d':'canary %03d'", i ? "," : "", i, i);
        strbuf_printf(&text, "canary %03d canary%%20%03d;", i, i);
        strbuf_puts(&masked, "*** ***;");
    }
    strbuf_puts(&config, "}}");
    assert_string_equal(masked.bytes, account_mask(decode(arena, config.bytes), text.bytes, arena));
    strbuf_clear(&config);
    strbuf_clear(&text);
    strbuf_clear(&masked);
    arena_free(arena);
}

static void account_mask_headers(void **state)
{
    static const struct {
        const char *name, *value, *expected;
    } cases[] = {
        {"Authorization", "Basic dTpw", "Basic ***"},
        {"authorization", "Bearer t", "Bearer ***"},
        {"Authorization", "t", "***"},
        {"X-Key", "k", "***"},
        {"X-Scope-OrgID", "tenant", "tenant"},
        {"Accept", "application/json", "application/json"},
    };
    struct arena *arena = arena_create();
    struct account *account = decode(
        arena, "{'username':'u','password':'p','headers':{'X-Key':'k','X-Scope-OrgID':'tenant'}}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_header given = {cases[i].name, cases[i].value};

        row("%s: %s", cases[i].name, cases[i].value);
        assert_string_equal(cases[i].expected, account_mask_header(account, &given, arena));
    }
    arena_free(arena);
}

/* Credentials that only some stores have: from a value or a file, sent and masked like all others.
 */
static void account_keys(void **state)
{
    struct arena *arena = arena_create();
    struct account *account =
        decode(arena, "{'apiKey':'k','userKeyFile':'/nowhere','accessToken':'tok-12345','oauth2':{"
                      "'tokenUrl':'https://h/t','clientId':'c','clientSecret':'s3cret-9'}}");
    struct http_request request = {0};
    struct secret secret;
    struct error err = {0};

    (void)state;
    assert_true(account_has_key(account, "apiKey"));
    assert_true(account_has_key(account, "userKey"));
    assert_true(account_has_key(account, "clientSecret"));
    assert_false(account_has_key(account, "applicationKey"));
    assert_int_equal(ERR_OK,
                     account_sign_key(account, "apiKey", "X-Key", "", arena, &request, &err));
    assert_int_equal(ERR_OK, account_sign_key(account, "accessToken", "X-Token", "Bearer ", arena,
                                              &request, &err));
    assert_int_equal(ERR_OK, account_sign_key(account, "applicationKey", "X-Application", "", arena,
                                              &request, &err));
    assert_int_equal(2, request.n_headers); /* what is not there is not sent */
    assert_string_equal("k", request.headers[0].value);
    assert_string_equal("Bearer tok-12345", request.headers[1].value);
    assert_string_equal("***", account_mask_header(account, &request.headers[0], arena));
    assert_string_equal("***", account_mask_header(account, &request.headers[1], arena));
    assert_string_equal("a *** b *** c", account_mask(account, "a tok-12345 b s3cret-9 c", arena));
    assert_int_equal(ERR_OK, account_key_read(account, "clientSecret", arena, &secret, &err));
    assert_string_equal("s3cret-9", secret.value);
    assert_int_equal(ERR_SETTINGS,
                     account_sign_key(account, "userKey", "X-User", "", arena, &request, &err));
    assert_non_null(strstr(err.message, "/nowhere"));
    err = (struct error){0};
    assert_int_equal(ERR_SETTINGS,
                     account_key_read(account, "applicationKey", arena, &secret, &err));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_decode_defaults),
        cmocka_unit_test(account_decode_everything),
        cmocka_unit_test(account_decode_refuses),
        cmocka_unit_test(account_sign_precedence),
        cmocka_unit_test(account_user_info_is_taken_out_of_the_url),
        cmocka_unit_test(account_files_are_read_again),
        cmocka_unit_test(secret_read_refuses),
        cmocka_unit_test(account_mask_texts),
        cmocka_unit_test(account_mask_many_headers),
        cmocka_unit_test(account_mask_headers),
        cmocka_unit_test(account_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
