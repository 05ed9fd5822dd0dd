/* The archive, lists of ids, and what deleting leaves. */
#include "tests/unit/analyzer/store_fixture.h"

static const struct entry_page all = {.limit = 100};

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

static void put_execution(struct fixture *f, const char *id, enum execution_kind kind,
                          int64_t created_unix_ms, bool has_ended)
{
    struct stored_execution execution = {
        .id = id,
        .application = "checkout",
        .account = "serinus",
        .kind = kind,
        .created_unix_ms = created_unix_ms,
        .submission = str_of("{}"),
    };
    struct error err = {0};

    assert_int_equal(ERR_OK, accept_one(f->store, &execution, &err));
    if (!has_ended)
        return;
    execution.state = EXECUTION_CANCELLED;
    execution.ended_unix_ms = created_unix_ms + 1000;
    execution.body = str_of("{\"own\":true}");
    assert_int_equal(ERR_OK, finish_one(f->store, &execution, NULL, 0, &err));
}

/* "id@time id@time" */
static const char *shown(struct fixture *f, const struct stored_entry *entries, size_t n_entries)
{
    const char *out = "";

    for (size_t i = 0; i < n_entries; i++)
        out = arena_printf(f->arena, "%s%s%s@%lld", out, i ? " " : "", entries[i].id,
                           (long long)entries[i].updated_unix_ms);
    return out;
}

static const char *archived(struct fixture *f, const char *account, struct entry_page page)
{
    struct stored_entry *entries = NULL;
    struct error err = {0};
    size_t n = 0;

    assert_int_equal(ERR_OK,
                     store_archive_list(f->store, account, page, f->arena, &entries, &n, &err));
    return shown(f, entries, n);
}

static const char *executions(struct fixture *f, struct entry_page page)
{
    struct stored_entry *entries = NULL;
    struct error err = {0};
    size_t n = 0;

    assert_int_equal(ERR_OK, store_execution_ids(f->store, page, f->arena, &entries, &n, &err));
    return shown(f, entries, n);
}

static const char *body_of(struct fixture *f, const char *id)
{
    struct error err = {0};
    struct str body = {0};

    return store_archive_get(f->store, "serinus", id, f->arena, &body, &err)
               ? arena_strdup(f->arena, err.message)
               : body.bytes;
}

static void assert_code(enum err_code code, enum err_code rc, struct error *err, const char *text)
{
    assert_int_equal(code, rc);
    assert_string_equal(text, err->message);
    *err = (struct error){0};
}

static void clients_entries_are_kept(void **state)
{
    struct fixture *f = *state;
    struct stored_archive entry = {"serinus", "a.b", 1787223727418, str_of("{\"n\":1}")};
    struct error err = {0};

    assert_code(ERR_NOT_FOUND, store_archive_update(f->store, &entry, &err), &err,
                "Archived canary result 'a.b' does not exist.");
    assert_int_equal(ERR_OK, store_archive_create(f->store, &entry, &err));
    assert_code(ERR_CONFLICT, store_archive_create(f->store, &entry, &err), &err,
                "Archived canary result 'a.b' already exists.");
    assert_string_equal("{\"n\":1}", body_of(f, "a.b"));
    entry.body = str_of("{\"n\":2}");
    entry.updated_unix_ms++;
    assert_int_equal(ERR_OK, store_archive_update(f->store, &entry, &err));
    assert_string_equal("{\"n\":2}", body_of(f, "a.b"));
    assert_string_equal("a.b@1787223727419", archived(f, "serinus", all));
    assert_string_equal("", archived(f, "other", all));
    assert_int_equal(ERR_OK, store_archive_delete(f->store, "serinus", "a.b", &err));
    assert_code(ERR_NOT_FOUND, store_archive_delete(f->store, "serinus", "a.b", &err), &err,
                "Archived canary result 'a.b' does not exist.");
    assert_string_equal("No such object named a.b", body_of(f, "a.b"));
}

static void ended_canaries_are_archived(void **state)
{
    struct fixture *f = *state;
    struct stored_archive entry = {"serinus", "E1", 9000, str_of("{}")};
    struct error err = {0};

    put_execution(f, "E1", EXECUTION_CANARY, 1000, true);
    put_execution(f, "E2", EXECUTION_CANARY, 3000, true);
    put_execution(f, "E3", EXECUTION_CANARY, 5000, false);
    put_execution(f, "E4", EXECUTION_COMPARISON, 7000, true);
    assert_string_equal("E2@4000 E1@2000", archived(f, "serinus", all));
    assert_string_equal("E1@2000", archived(f, "serinus", (struct entry_page){1, 1}));
    assert_string_equal("", archived(f, "other", all));
    assert_string_equal("{\"own\":true}", body_of(f, "E1"));
    assert_string_equal("No such object named E3", body_of(f, "E3"));

    row("what a client writes stands in front");
    assert_code(ERR_CONFLICT, store_archive_create(f->store, &entry, &err), &err,
                "Archived canary result 'E1' already exists.");
    assert_int_equal(ERR_OK, store_archive_update(f->store, &entry, &err));
    assert_string_equal("{}", body_of(f, "E1"));
    assert_string_equal("E1@9000 E2@4000", archived(f, "serinus", all));

    row("both go, the execution stays");
    assert_int_equal(ERR_OK, store_archive_delete(f->store, "serinus", "E1", &err));
    assert_string_equal("E2@4000", archived(f, "serinus", all));
    assert_string_equal("E4@8000 E3@0 E2@4000 E1@2000", executions(f, all));
    assert_string_equal("E3@0", executions(f, (struct entry_page){1, 1}));
}

static void deleting_an_execution_leaves_its_archive(void **state)
{
    struct fixture *f = *state;
    const struct execution_filter filter = {.application = "checkout", .limit = 10};
    struct stored_execution got, *list;
    struct error err = {0};
    size_t n = 0;

    put_execution(f, "E1", EXECUTION_CANARY, 1000, true);
    put_execution(f, "E2", EXECUTION_CANARY, 2000, false);
    put_execution(f, "E3", EXECUTION_COMPARISON, 3000, true);
    assert_int_equal(ERR_OK, store_execution_delete(f->store, "E1", &err));
    assert_int_equal(ERR_OK, store_execution_delete(f->store, "E3", &err));
    assert_int_equal(ERR_CONFLICT, store_execution_delete(f->store, "E2", &err));
    assert_string_equal("still_running", error_reason(&err));
    err = (struct error){0};
    assert_code(ERR_NOT_FOUND, store_execution_delete(f->store, "E1", &err), &err,
                "No pipeline found for E1");
    assert_int_equal(ERR_NOT_FOUND, store_execution_get(f->store, "E1", f->arena, &got, &err));
    err = (struct error){0};
    assert_int_equal(ERR_OK, store_execution_list(f->store, &filter, f->arena, &list, &n, &err));
    assert_int_equal(1, n);
    assert_string_equal("E2@0", executions(f, all));
    assert_string_equal("{\"own\":true}", body_of(f, "E1"));
    assert_int_equal(ERR_OK, store_archive_delete(f->store, "serinus", "E1", &err));
    assert_string_equal("No such object named E1", body_of(f, "E1"));
}

static void series_are_listed_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct stored_series series = {SERIES_METRIC_SETS, "serinus", NULL, 0, {"\x01", 1}};
    static const char *const ids[] = {"b", "a", "c"};
    struct stored_entry *entries;
    struct error err = {0};
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        series.id = ids[i];
        series.updated_unix_ms = i < 2 ? 10 : 20;
        assert_int_equal(ERR_OK, store_series_put(f->store, &series, &err));
    }
    assert_int_equal(ERR_OK, store_series_list(f->store, SERIES_METRIC_SETS, "serinus", all,
                                               f->arena, &entries, &n, &err));
    assert_string_equal("c@20 a@10 b@10", shown(f, entries, n));
    assert_int_equal(ERR_OK, store_series_list(f->store, SERIES_METRIC_SET_PAIRS, "serinus", all,
                                               f->arena, &entries, &n, &err));
    assert_int_equal(0, n);
    assert_code(ERR_NOT_FOUND,
                store_series_delete(f->store, SERIES_METRIC_SET_PAIRS, "serinus", "a", &err), &err,
                "No such object named a");
    assert_int_equal(ERR_OK,
                     store_series_delete(f->store, SERIES_METRIC_SETS, "serinus", "a", &err));
    assert_int_equal(ERR_OK,
                     store_series_list(f->store, SERIES_METRIC_SETS, "serinus",
                                       (struct entry_page){2, 0}, f->arena, &entries, &n, &err));
    assert_string_equal("c@20 b@10", shown(f, entries, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_entries_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ended_canaries_are_archived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deleting_an_execution_leaves_its_archive, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(series_are_listed_and_deleted, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
