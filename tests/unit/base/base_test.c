/* Errors, arenas, text, identifiers, tag maps and the worker pool. */
#include "tests/support.h"

#include "base/arena.h"
#include "base/id.h"
#include "base/metric_set.h"
#include "base/str.h"
#include "base/worker_pool.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

static void the_first_error_wins(void **state)
{
    struct error err = {0};
    char text[256];

    (void)state;
    assert_int_equal(ERR_INVALID, error_because(&err, ERR_INVALID, "bad_step", "step %d", -1));
    assert_int_equal(ERR_INVALID, error_set(&err, ERR_IO, "later"));
    error_point(&err, "/step");
    error_point(&err, "/scopes/%s", "default");
    error_context(&err, "request \"%s\"", "r1");
    error_context(&err, "outer");
    assert_string_equal("step -1", err.message);
    assert_string_equal("bad_step", error_reason(&err));
    assert_string_equal("/scopes/default/step", err.pointer);
    assert_string_equal("request \"r1\": step -1", error_text(&err, text, sizeof(text)));
}

static void errors_are_utf8(void **state)
{
    /* the bytes RFC 3629 leaves out: cut, stray, overlong, a surrogate, beyond U+10FFFF */
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa4", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa4"},
        {"caf\xc3", "caf?"},
        {"\xa9x", "?x"},
        {"\xc0\xaf", "??"},
        {"\xe0\x80\x80", "???"},
        {"\xed\xa0\x80", "???"},
        {"\xf4\x90\x80\x80", "????"},
        {"\xf5", "?"},
        {"\xe2\x82", "??"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        row("%s", cases[i].text);
        error_set(&err, ERR_INVALID, "%s", cases[i].bytes);
        error_context(&err, "%s", cases[i].bytes);
        error_point(&err, "%s", cases[i].bytes);
        assert_string_equal(cases[i].text, err.message);
        assert_string_equal(cases[i].text, err.context);
        assert_string_equal(cases[i].text, err.pointer);
    }
}

static void count_release(void *counter)
{
    ++*(int *)counter;
}

static void arenas_hold_everything(void **state)
{
    struct arena *arena = arena_create();
    int released = 0;
    char *kept[2000];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        kept[i] = arena_alloc(arena, i % 300 + 1, 7);
        assert_int_equal(0, (uintptr_t)kept[i] % 16);
        for (size_t b = 0; b < (i % 300 + 1) * 7; b++)
            assert_int_equal(0, kept[i][b]);
        memset(kept[i], (int)(i % 251) + 1, (i % 300 + 1) * 7);
    }
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal((char)(i % 251 + 1), kept[i][(i % 300 + 1) * 7 - 1]);
    assert_string_equal("x=7", arena_printf(arena, "x=%d", 7));
    assert_non_null(arena_alloc(arena, 1, 10 * 1024 * 1024));
    arena_defer(arena, count_release, &released);
    arena_defer(arena, count_release, &released);
    arena_free(arena);
    assert_int_equal(2, released);
}

static void arrays_grow_in_an_arena(void **state)
{
    struct arena *arena = arena_create();
    size_t capacity = 0;
    int *items = NULL;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        items = arena_grow(arena, items, (size_t)i, &capacity, sizeof(*items));
        assert_true(capacity > (size_t)i);
        items[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(i, items[i]);
    arena_free(arena);
}

static void text_stops_at_its_maximum(void **state)
{
    struct strbuf buf = {.max_bytes = 8};

    (void)state;
    assert_true(strbuf_puts(&buf, "12345"));
    assert_false(strbuf_puts(&buf, "6789"));
    assert_true(buf.is_full);
    assert_true(strbuf_printf(&buf, "%d", 678));
    assert_string_equal("12345678", buf.bytes);
    assert_false(strbuf_puts(&buf, "9"));
    assert_string_equal("12345678", buf.bytes);
    strbuf_clear(&buf);
}

static void ids_have_their_form(void **state)
{
    char a[ULID_BYTES], b[ULID_BYTES], uuid[UUID_BYTES];

    (void)state;
    id_ulid(1787223723118, a);
    id_ulid(1787223723118, b);
    assert_int_equal(26, strlen(a));
    assert_int_equal(26, strspn(a, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"));
    assert_memory_equal(a, "01M0FDBK3E", 10); /* the time part, of the specification's encoding */
    assert_string_not_equal(a, b);
    id_uuid(uuid);
    assert_int_equal(36, strlen(uuid));
    assert_int_equal('4', uuid[14]);
}

static void tag_maps_are_sorted(void **state)
{
    struct arena *arena = arena_create();
    struct tag_map a = {0}, b = {0};

    (void)state;
    tag_map_put(&a, arena, "code", "500");
    tag_map_put(&a, arena, "app", "x");
    tag_map_put(&a, arena, "zone", "z");
    tag_map_put(&b, arena, "zone", "y");
    tag_map_put(&b, arena, "app", "x");
    tag_map_put(&b, arena, "code", "500");
    assert_false(tag_map_equal(&a, &b));
    tag_map_put(&b, arena, "zone", "z");
    assert_true(tag_map_equal(&a, &b));
    assert_string_equal("app", a.items[0].key);
    assert_string_equal("500", tag_map_get(&a, "code"));
    assert_null(tag_map_get(&a, "nope"));
    arena_free(arena);
}

static atomic_int n_done;
static sem_t gate;

static void job(void *ctx)
{
    (void)ctx;
    sem_wait(&gate);
    atomic_fetch_add(&n_done, 1);
}

static void pools_drain(void **state)
{
    struct worker_pool *pool;
    struct error err = {0};
    int n_jobs = 7;

    (void)state;
    sem_init(&gate, 0, 0);
    assert_int_equal(ERR_OK, worker_pool_create("test", 2, &pool, &err));
    for (int i = 0; i < n_jobs; i++)
        worker_pool_submit(pool, job, NULL);
    assert_in_range(worker_pool_queued(pool), n_jobs - 2, n_jobs); /* two may be with a thread */
    for (int i = 0; i < n_jobs; i++)
        sem_post(&gate);
    worker_pool_free(pool);
    assert_int_equal(n_jobs, atomic_load(&n_done));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_error_wins),      cmocka_unit_test(errors_are_utf8),
        cmocka_unit_test(arenas_hold_everything),    cmocka_unit_test(arrays_grow_in_an_arena),
        cmocka_unit_test(text_stops_at_its_maximum), cmocka_unit_test(ids_have_their_form),
        cmocka_unit_test(tag_maps_are_sorted),       cmocka_unit_test(pools_drain),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
