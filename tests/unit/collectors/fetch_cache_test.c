#include "tests/support.h"

#include "collectors/fetch_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MS 600000
#define NOW_MS 7654321
#define END_UNIX_MS 1767229200000
#define ROOMY 100000u

static struct fetch_key key_of(unsigned number)
{
    struct fetch_key key = {{0}};

    memcpy(key.bytes, &number, sizeof(number)); /* its slot, of a table not too small */
    return key;
}

/* A reply of its own, with one header and that many bytes. */
static struct fetch_reply *reply_of(unsigned number, size_t n_body_bytes)
{
    struct http_response response = {.status = 200, .n_headers = 1, .n_body_bytes = n_body_bytes};
    char *body = calloc(1, n_body_bytes + 1);
    struct fetch_reply *reply;

    response.headers = calloc(1, sizeof(*response.headers));
    response.headers[0] = (struct http_header){"Content-Type", "application/json"};
    memset(body, 'a' + (int)(number % 26), n_body_bytes);
    response.body = body;
    reply = fetch_reply_create(&response);
    reply->key = key_of(number);
    return reply;
}

/* As the engine does: the cache has a reference of its own. */
static void put(struct fetch_cache *cache, unsigned number, size_t n_body_bytes, int64_t now_ms)
{
    struct fetch_reply *reply = reply_of(number, n_body_bytes);

    fetch_cache_put(cache, reply, now_ms);
    fetch_reply_release(reply);
}

/* The size of its body; -1: it is not there. */
static long find(struct fetch_cache *cache, unsigned number, int64_t now_ms)
{
    struct fetch_key key = key_of(number);
    struct fetch_reply *reply = fetch_cache_find(cache, &key, now_ms);
    long n_bytes = reply ? (long)reply->response.n_body_bytes : -1;

    fetch_reply_release(reply);
    return n_bytes;
}

/* What one reply takes, all told. */
static size_t cost_of(size_t n_body_bytes)
{
    struct fetch_cache *cache = fetch_cache_create(ROOMY, ROOMY, LIFE_MS);
    size_t n_bytes;

    put(cache, 1, n_body_bytes, NOW_MS);
    n_bytes = fetch_cache_bytes(cache);
    fetch_cache_free(cache);
    return n_bytes;
}

/* --- keys --- */

static struct fetch_key made(const char *name, const char *base_url, struct http_request request,
                             int64_t end_unix_ms)
{
    const struct account account = {.name = name, .base_url = base_url};
    struct fetch_key key;

    fetch_key_make(&account, &request, end_unix_ms, &key);
    return key;
}

/* Whatever a reply may depend on makes another key, and where one text ends and the next begins
 * does, too. */
static void keys_differ_with_all_of_the_question(void **state)
{
    struct http_header tenant = {"X-Scope-OrgID", "t1"}, other = {"X-Scope-OrgID", "t2"};
    struct http_header shifted = {"X-Scope-OrgIDt", "1"};
    const struct http_request get = {.method = "GET", .url = "http://s/q"};
    const struct http_request requests[] = {
        get,
        {.method = "POST", .url = "http://s/q"},
        {.method = "POST", .url = "http://s/q", .body = "q=1", .n_body_bytes = 3},
        {.method = "POST", .url = "http://s/q", .body = "q=12", .n_body_bytes = 4},
        {.method = "GET", .url = "http://s/q2"},
        {.method = "GET", .url = "http://s/q", .headers = &tenant, .n_headers = 1},
        {.method = "GET", .url = "http://s/q", .headers = &other, .n_headers = 1},
        {.method = "GET", .url = "http://s/q", .headers = &shifted, .n_headers = 1},
    };
    struct fetch_key keys[ARRAY_LEN(requests) + 4];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        keys[n++] = made("a", "http://s", requests[i], END_UNIX_MS);
    keys[n++] = made("b", "http://s", get, END_UNIX_MS);
    keys[n++] = made("a", "http://s/", get, END_UNIX_MS);
    keys[n++] = made("ah", "ttp://s", get, END_UNIX_MS);
    keys[n++] = made("a", "http://s", get, END_UNIX_MS + 1);
    assert_int_equal(ARRAY_LEN(keys), n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            row("%zu and %zu", i, k);
            assert_int_equal(i == k, fetch_key_equal(&keys[i], &keys[k]));
        }
}

/* The same texts elsewhere in memory, and a body that goes on behind its end, are the same. */
static void keys_are_of_what_texts_say(void **state)
{
    char name[] = "a", base_url[] = "http://s", method[] = "POST", url[] = "http://s/q";
    struct http_header headers[] = {{"Accept", "text/csv"}}, copies[] = {{"Accept", "text/csv"}};
    struct fetch_key key = made("a", "http://s",
                                (struct http_request){.method = "POST",
                                                      .url = "http://s/q",
                                                      .headers = headers,
                                                      .n_headers = 1,
                                                      .body = "q=1",
                                                      .n_body_bytes = 3},
                                END_UNIX_MS);
    struct fetch_key same = made(name, base_url,
                                 (struct http_request){.method = method,
                                                       .url = url,
                                                       .headers = copies,
                                                       .n_headers = 1,
                                                       .body = "q=1&p=2",
                                                       .n_body_bytes = 3},
                                 END_UNIX_MS);

    (void)state;
    assert_true(fetch_key_equal(&key, &same));
    assert_int_equal(fetch_key_slot(&key, 1024), fetch_key_slot(&same, 1024));
    assert_in_range(fetch_key_slot(&key, 7), 0, 6);
}

/* --- what is kept --- */

static void cache_gives_back_what_was_put(void **state)
{
    struct fetch_cache *cache = fetch_cache_create(ROOMY, ROOMY, LIFE_MS);
    struct fetch_key key = key_of(2);
    struct fetch_reply *reply;

    (void)state;
    assert_int_equal(0, fetch_cache_bytes(cache));
    assert_int_equal(-1, find(cache, 2, NOW_MS));
    for (unsigned i = 1; i < 4; i++)
        put(cache, i, 10 * i, NOW_MS);
    reply = fetch_cache_find(cache, &key, NOW_MS);
    assert_non_null(reply);
    assert_string_equal("cccccccccccccccccccc", reply->response.body);
    assert_string_equal("application/json", http_response_header(&reply->response, "content-type"));
    assert_int_equal(cost_of(10) + cost_of(20) + cost_of(30), fetch_cache_bytes(cache));
    fetch_cache_free(cache);
    assert_string_equal("cccccccccccccccccccc", reply->response.body); /* held, it outlives it */
    fetch_reply_release(reply);
    fetch_cache_free(NULL);
    fetch_reply_release(NULL);
}

static void cache_keeps_the_newer_of_two(void **state)
{
    struct fetch_cache *cache = fetch_cache_create(ROOMY, ROOMY, LIFE_MS);

    (void)state;
    put(cache, 1, 1000, NOW_MS);
    put(cache, 1, 50, NOW_MS + LIFE_MS - 1);
    assert_int_equal(50, find(cache, 1, NOW_MS + LIFE_MS)); /* with a life of its own */
    assert_int_equal(cost_of(50), fetch_cache_bytes(cache));
    fetch_cache_free(cache);
}

/* Those with one slot of the table stand in one list. */
static void cache_tells_neighbours_apart(void **state)
{
    struct fetch_cache *cache = fetch_cache_create(ROOMY, ROOMY, LIFE_MS);
    const unsigned near[] = {7, 7 + 1024, 7 + 2048};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(near); i++) {
        struct fetch_key key = key_of(near[i]);

        assert_int_equal(7, fetch_key_slot(&key, 1024));
        put(cache, near[i], 10 + i, NOW_MS + (int64_t)i);
    }
    for (size_t i = 0; i < ARRAY_LEN(near); i++)
        assert_int_equal(10 + i, find(cache, near[i], NOW_MS + 2));
    assert_int_equal(-1, find(cache, near[0], NOW_MS + LIFE_MS)); /* its end alone has come */
    assert_int_equal(11, find(cache, near[1], NOW_MS + LIFE_MS));
    assert_int_equal(12, find(cache, near[2], NOW_MS + LIFE_MS));
    fetch_cache_free(cache);
}

/* --- the byte limit --- */

static void cache_lets_go_of_what_was_used_least_lately(void **state)
{
    size_t room = 3 * cost_of(100);
    struct fetch_cache *cache = fetch_cache_create(room, room, LIFE_MS);

    (void)state;
    for (unsigned i = 1; i < 4; i++)
        put(cache, i, 100, NOW_MS);
    assert_int_equal(room, fetch_cache_bytes(cache)); /* the limit itself is allowed */
    assert_int_equal(100, find(cache, 1, NOW_MS));    /* used again, and no longer the oldest */
    put(cache, 4, 100, NOW_MS);
    assert_int_equal(room, fetch_cache_bytes(cache));
    assert_int_equal(-1, find(cache, 2, NOW_MS));
    put(cache, 5, 101, NOW_MS); /* one byte more, and two have to go: 3, then 1 */
    assert_int_equal(cost_of(100) + cost_of(101), fetch_cache_bytes(cache));
    assert_int_equal(-1, find(cache, 3, NOW_MS));
    assert_int_equal(-1, find(cache, 1, NOW_MS));
    assert_int_equal(100, find(cache, 4, NOW_MS));
    assert_int_equal(101, find(cache, 5, NOW_MS));
    fetch_cache_free(cache);
}

static void cache_never_holds_more_than_its_limit(void **state)
{
    size_t room = 20 * cost_of(300);
    struct fetch_cache *cache = fetch_cache_create(room, room, LIFE_MS);
    unsigned seed = 20260101;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        size_t n_bytes = (size_t)rand_r(&seed) % 2000;
        unsigned number = (unsigned)rand_r(&seed) % 100;

        row("put %u", i);
        put(cache, number, n_bytes, NOW_MS + i);
        assert_int_equal(n_bytes, find(cache, number, NOW_MS + i));
        assert_in_range(fetch_cache_bytes(cache), cost_of(n_bytes), room);
    }
    fetch_cache_free(cache);
}

/* Nobody has to go for a reply that is not kept. */
static void cache_does_not_keep_the_very_large(void **state)
{
    struct fetch_cache *cache = fetch_cache_create(ROOMY, cost_of(100), LIFE_MS);

    (void)state;
    put(cache, 1, 100, NOW_MS);
    put(cache, 2, 101, NOW_MS);
    assert_int_equal(-1, find(cache, 2, NOW_MS));
    put(cache, 1, 101, NOW_MS);
    assert_int_equal(100, find(cache, 1, NOW_MS));
    assert_int_equal(cost_of(100), fetch_cache_bytes(cache));
    fetch_cache_free(cache);
}

/* --- time --- */

static void cache_forgets_in_time(void **state)
{
    struct fetch_cache *cache = fetch_cache_create(ROOMY, ROOMY, LIFE_MS);
    struct fetch_key key = key_of(1);
    struct fetch_reply *reply;

    (void)state;
    put(cache, 1, 100, NOW_MS);
    put(cache, 2, 100, NOW_MS);
    reply = fetch_cache_find(cache, &key, NOW_MS + LIFE_MS - 1);
    assert_non_null(reply); /* being asked for does not lengthen its life ... */
    fetch_cache_put(cache, reply, NOW_MS + LIFE_MS - 1); /* ... nor does being put where it is */
    assert_int_equal(-1, find(cache, 1, NOW_MS + LIFE_MS));
    assert_int_equal(cost_of(100), fetch_cache_bytes(cache)); /* that of the other one */
    assert_int_equal(-1, find(cache, 2, NOW_MS + LIFE_MS));
    assert_int_equal(0, fetch_cache_bytes(cache));
    fetch_reply_release(reply);
    fetch_cache_free(cache);
}

/* --- threads --- */

static void *use(void *arg)
{
    struct fetch_cache *cache = arg;
    long n_wrong = 0;

    for (unsigned i = 0; i < 3000; i++) {
        unsigned number = i * 7 % 23;
        long n_bytes = find(cache, number, NOW_MS);

        n_wrong += n_bytes >= 0 && n_bytes != (long)(100 + number);
        put(cache, number, 100 + number, NOW_MS);
    }
    return n_wrong ? cache : NULL;
}

static void cache_is_for_any_thread(void **state)
{
    size_t room = 11 * cost_of(100);
    struct fetch_cache *cache = fetch_cache_create(room, room, LIFE_MS);
    pthread_t threads[4];
    void *wrong;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, use, cache));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_in_range(fetch_cache_bytes(cache), cost_of(100), room);
    fetch_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_differ_with_all_of_the_question),
        cmocka_unit_test(keys_are_of_what_texts_say),
        cmocka_unit_test(cache_gives_back_what_was_put),
        cmocka_unit_test(cache_keeps_the_newer_of_two),
        cmocka_unit_test(cache_tells_neighbours_apart),
        cmocka_unit_test(cache_lets_go_of_what_was_used_least_lately),
        cmocka_unit_test(cache_never_holds_more_than_its_limit),
        cmocka_unit_test(cache_does_not_keep_the_very_large),
        cmocka_unit_test(cache_forgets_in_time),
        cmocka_unit_test(cache_is_for_any_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
