/* Lists of executions: every filter, alone and together, and pages that neither repeat nor skip. */
#include "tests/unit/analyzer/store_fixture.h"

#include "base/clock.h"

#include <sqlite3.h>

static int set_up(void **state)
{
    *state = open_fixture();
    return 0;
}

static int tear_down(void **state)
{
    close_fixture(*state);
    return 0;
}

static const struct {
    const char *id, *application, *config_id, *parent_id, *verdict;
    int64_t at;
    enum execution_kind kind;
    enum execution_state end;
} rows[] = {
    {"a", "x", "c1", "", "pass", 10, EXECUTION_CANARY, EXECUTION_SUCCEEDED},
    {"b", "x", "c1", "", "fail", 30, EXECUTION_CANARY, EXECUTION_FAILED},
    {"c", "y", "", "", "", 20, EXECUTION_ANALYSIS, EXECUTION_ACCEPTED},
    {"d", "x", "c2", "", "", 30, EXECUTION_CANARY, EXECUTION_CANCELLED},
    {"e", "x", "c2", "", "", 5, EXECUTION_CANARY, EXECUTION_ACCEPTED},
    {"f", "y", "c1", "c", "pass", 40, EXECUTION_CANARY, EXECUTION_SUCCEEDED},
    {"g", "y", "c1", "c", "", 50, EXECUTION_CANARY, EXECUTION_ACCEPTED},
    {"h", "x", "", "", "nodata", 50, EXECUTION_COMPARISON, EXECUTION_SUCCEEDED},
};

static void fill(struct fixture *f)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stored_execution e = execution_of(rows[i].id, rows[i].application, rows[i].at);
        struct error err = {0};

        e.config_id = rows[i].config_id;
        e.parent_id = rows[i].parent_id;
        e.kind = rows[i].kind;
        ok(accept_one(f->store, &e, &err), &err);
        e.state = rows[i].end;
        e.verdict = rows[i].verdict;
        e.body = str_of("{\"end\":1}");
        if (e.state != EXECUTION_ACCEPTED)
            ok(finish_one(f->store, &e, NULL, 0, &err), &err);
    }
}

static struct stored_execution *list(struct fixture *f, const struct execution_filter *filter,
                                     size_t *n)
{
    struct stored_execution *items = NULL;
    struct error err = {0};

    ok(store_execution_list(f->store, filter, f->arena, &items, n, &err), &err);
    return items;
}

static const char *ids_of(struct fixture *f, const struct execution_filter *filter)
{
    const char *ids = "";
    size_t n = 0;
    struct stored_execution *items = list(f, filter, &n);

    for (size_t i = 0; i < n; i++)
        ids = arena_printf(f->arena, "%s%s", ids, items[i].id);
    return ids;
}

#define STATE(s) (1u << EXECUTION_##s)
#define KIND(k) (1u << EXECUTION_##k)

static void each_filter_alone_and_some_together(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *ids;
        struct execution_filter filter;
    } cases[] = {
        {"hgfdbcae", {.limit = SIZE_MAX}},
        {"hdbae", {.application = "x", .limit = 10}},
        {"gfc", {.application = "y", .limit = 10}},
        {"", {.application = "z", .limit = 10}},
        {"gce", {.states = STATE(ACCEPTED), .limit = 10}},
        {"e", {.states = STATE(ACCEPTED), .application = "x", .limit = 10}},
        {"hfda", {.states = STATE(SUCCEEDED) | STATE(CANCELLED), .limit = 10}},
        {"hba", {.states = STATE(FAILED) | STATE(SUCCEEDED), .application = "x", .limit = 10}},
        {"ce", {.states = STATE(ACCEPTED), .parent_id = "", .limit = 10}},
        {"gfdbae", {.kinds = KIND(CANARY), .limit = 10}},
        {"hc", {.kinds = KIND(ANALYSIS) | KIND(COMPARISON), .limit = 10}},
        {"c", {.kinds = KIND(ANALYSIS), .states = STATE(ACCEPTED), .limit = 10}},
        {"gf", {.parent_id = "c", .limit = 10}},
        {"f", {.parent_id = "c", .states = STATE(SUCCEEDED), .limit = 10}},
        {"g", {.parent_id = "c", .states = STATE(ACCEPTED), .limit = 10}},
        {"hdbcae", {.parent_id = "", .limit = 10}},
        {"gfba", {.config_id = "c1", .limit = 10}},
        {"ba", {.config_id = "c1", .application = "x", .limit = 10}},
        {"hc", {.config_id = "", .limit = 10}},
        {"fa", {.verdict = "pass", .limit = 10}},
        {"a", {.verdict = "pass", .application = "x", .limit = 10}},
        {"f", {.verdict = "pass", .config_id = "c1", .parent_id = "c", .limit = 10}},
        {"gdce", {.verdict = "", .limit = 10}},
        {"hgfdb", {.created_from_unix_ms = 30, .limit = 10}},
        {"cae", {.created_before_unix_ms = 30, .limit = 10}},
        {"dbc", {.created_from_unix_ms = 20, .created_before_unix_ms = 40, .limit = 10}},
        {"ba",
         {.created_from_unix_ms = 10,
          .created_before_unix_ms = 50,
          .application = "x",
          .config_id = "c1",
          .limit = 10}},
        {"hg", {.limit = 2}},
        {"fd", {.limit = 2, .offset = 2}},
        {"", {.limit = 2, .offset = SIZE_MAX}},
        {"", {.limit = 0}},
        {"fdbcae", {.after = {50, "g"}, .limit = 10}},
        {"gfdbcae", {.after = {50, "h"}, .limit = 10}},
        {"bae", {.after = {30, "d"}, .application = "x", .limit = 10}},
        {"", {.after = {5, "e"}, .limit = 10}},
        {"hgfdbcae", {.after = {51, ""}, .limit = 10}},
        {"ce", {.after = {50, "g"}, .states = STATE(ACCEPTED), .limit = 10}},
    };

    fill(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("case %zu", i);
        assert_string_equal(cases[i].ids, ids_of(f, &cases[i].filter));
    }
}

/* Each combination of filters gives what a look at every row gives, and its index exists. */
static void all_combinations(void **state)
{
    struct fixture *f = *state;

    fill(f);
    for (unsigned set = 0; set < 1u << 9; set++) {
        const struct execution_filter filter = {
            .kinds = set & 1 ? KIND(CANARY) : 0,
            .states = set & 2     ? STATE(ACCEPTED)
                      : set & 256 ? STATE(SUCCEEDED)
                                  : 0,
            .application = set & 4 ? "y" : NULL,
            .config_id = set & 8 ? "c1" : NULL,
            .verdict = set & 16 ? "pass" : NULL,
            .parent_id = set & 32 ? "c" : NULL,
            .created_from_unix_ms = set & 64 ? 20 : 0,
            .after = {50, set & 128 ? "g" : NULL},
            .limit = 10,
        };
        const char *want = "", *order = "hgfdbcae";

        for (; *order; order++)
            for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (rows[i].id[0] == *order &&
                    !((filter.kinds && rows[i].kind != EXECUTION_CANARY) ||
                      (filter.states && filter.states != 1u << rows[i].end) ||
                      (set & 4 && strcmp(rows[i].application, "y") != 0) ||
                      (set & 8 && strcmp(rows[i].config_id, "c1") != 0) ||
                      (set & 16 && strcmp(rows[i].verdict, "pass") != 0) ||
                      (set & 32 && strcmp(rows[i].parent_id, "c") != 0) ||
                      (set & 64 && rows[i].at < 20) || (set & 128 && strchr("gh", *order))))
                    want = arena_printf(f->arena, "%s%c", want, *order);
        row("set %x", set);
        assert_string_equal(want, ids_of(f, &filter));
    }
}

static void a_brief_list_has_no_texts(void **state)
{
    struct fixture *f = *state;
    struct execution_filter filter = {.limit = 10};
    size_t n = 0;
    struct stored_execution *items;

    fill(f);
    items = list(f, &filter, &n);
    assert_int_equal(8, n);
    assert_true(str_is(items[0].submission, "{\"plan\":[1]}"));
    assert_true(str_is(items[0].body, "{\"end\":1}"));
    assert_string_equal("nodata", items[0].verdict);
    filter.is_brief = true;
    items = list(f, &filter, &n);
    assert_int_equal(8, n);
    assert_int_equal(0, items[0].submission.n_bytes);
    assert_int_equal(0, items[0].body.n_bytes);
    assert_string_equal("nodata", items[0].verdict);
}

static void what_is_deleted_is_not_listed(void **state)
{
    struct fixture *f = *state;
    const struct execution_filter all = {.limit = 10}, of_c1 = {.config_id = "c1", .limit = 10},
                                  passed = {.verdict = "pass", .limit = 10},
                                  of_parent = {.parent_id = "c", .limit = 10};
    struct error err = {0};

    fill(f);
    ok(store_execution_delete(f->store, "f", &err), &err);
    assert_string_equal("hgdbcae", ids_of(f, &all));
    assert_string_equal("gba", ids_of(f, &of_c1));
    assert_string_equal("a", ids_of(f, &passed));
    assert_string_equal("g", ids_of(f, &of_parent));
}

/* A walk by cursor meets each row once although new ones come in at the front. */
static void a_cursor_neither_repeats_nor_skips(void **state)
{
    struct fixture *f = *state;
    struct execution_filter filter = {.limit = 3, .is_brief = true};
    const char *seen = "";
    struct error err = {0};
    size_t n = 0;

    fill(f);
    do {
        struct stored_execution *items = list(f, &filter, &n);
        struct stored_execution newer =
            execution_of(arena_printf(f->arena, "new%zu", strlen(seen)), "x", 60);

        for (size_t i = 0; i < n; i++)
            seen = arena_printf(f->arena, "%s%s", seen, items[i].id);
        if (n)
            filter.after = (struct execution_cursor){items[n - 1].created_unix_ms, items[n - 1].id};
        ok(accept_one(f->store, &newer, &err), &err);
    } while (n);
    assert_string_equal("hgfdbcae", seen);
}

/* In a large store a page costs what the page holds. The steps of SQLite's virtual machine would be
 * the measure; time with a wide margin is what can be seen from here. */
static void a_page_does_not_scan(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        struct execution_filter filter;
        size_t n;
    } cases[] = {
        {"all", {.limit = 20}, 20},
        {"by application", {.application = "rare", .limit = 20}, 20},
        {"behind a cursor", {.application = "usual", .after = {1500, "x"}, .limit = 20}, 20},
        {"by config", {.config_id = "c7", .limit = 20}, 20},
        {"by parent", {.parent_id = "p9", .limit = 20}, 20},
        {"by verdict", {.verdict = "nodata", .limit = 20}, 20},
        {"by verdict and application",
         {.verdict = "nodata", .application = "rare", .limit = 20},
         20},
        {"not ended", {.states = STATE(ACCEPTED), .limit = 20}, 20},
        {"not ended, by application",
         {.states = STATE(ACCEPTED), .application = "rare", .limit = 20},
         20},
        {"a rare kind", {.kinds = KIND(COMPARISON), .limit = 20}, 20},
    };
    sqlite3 *db = NULL;

    shut(f);
    assert_int_equal(SQLITE_OK, sqlite3_open(path_of(f, "serinus.db"), &db));
    assert_int_equal(
        SQLITE_OK,
        sqlite3_exec(
            db,
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
            " INSERT INTO execution (id, application, account, parent_id, config_id,"
            " config_name, kind, state, created_unix_ms, ended_unix_ms, due_unix_ms, n_steps,"
            " verdict) SELECT printf('%06d', i), iif(i % 1000 = 0, 'rare', 'usual'), '',"
            " iif(i % 1000 = 1, 'p9', ''), iif(i % 1000 = 2, 'c7', 'c' || (1000 + i % 100)), '',"
            " iif(i % 1000 = 3, 2, 0), iif(i % 1000 = 0 AND i % 3000 = 0, 0, 1), i, i, i, 0,"
            " iif(i % 3000 = 1000, 'nodata', iif(i % 3000 = 0, '', 'pass')) FROM n",
            NULL, NULL, NULL));
    sqlite3_close(db);
    open_store(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t start_ns, best_ns = INT64_MAX;
        size_t n = 0;

        for (int round = 0; round < 5; round++) {
            start_ns = clock_mono_ns();
            list(f, &cases[i].filter, &n);
            if (clock_mono_ns() - start_ns < best_ns)
                best_ns = clock_mono_ns() - start_ns;
        }
        row("%s: %d us", cases[i].name, (int)(best_ns / 1000));
        assert_int_equal(cases[i].n, n);
        assert_true(best_ns < 20000000);
        print_message("%s: %d us\n", cases[i].name, (int)(best_ns / 1000));
    }
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(each_filter_alone_and_some_together), WITH_STORE(all_combinations),
        WITH_STORE(a_brief_list_has_no_texts),           WITH_STORE(what_is_deleted_is_not_listed),
        WITH_STORE(a_cursor_neither_repeats_nor_skips),  WITH_STORE(a_page_does_not_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
