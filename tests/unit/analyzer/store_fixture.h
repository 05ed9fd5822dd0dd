/* tests/unit/analyzer/store_fixture.h -- a result store in a folder of its own, and short ways to
 * fill it. Everything is static: one copy a test program. */
#ifndef TESTS_UNIT_ANALYZER_STORE_FIXTURE_H
#define TESTS_UNIT_ANALYZER_STORE_FIXTURE_H

#include "tests/support.h"

#include "analyzer/store.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED_HERE __attribute__((unused))

struct fixture {
    char dir[64];
    struct store *store;
    struct arena *arena;
};

UNUSED_HERE static void open_store(struct fixture *f)
{
    struct error err = {0};

    if (store_open(f->dir, NULL, &f->store, &err))
        fail_msg("%s", err.message);
}

UNUSED_HERE static struct fixture *open_fixture(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/serinus-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->arena = arena_create();
    open_store(f);
    return f;
}

UNUSED_HERE static void shut(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

UNUSED_HERE static void reopen(struct fixture *f)
{
    shut(f);
    open_store(f);
}

UNUSED_HERE static const char *path_of(struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", f->dir, name);
}

UNUSED_HERE static void close_fixture(struct fixture *f)
{
    static const char *const names[] = {"serinus.db", "serinus.db-wal", "serinus.db-shm",
                                        "serinus.db.lock", "serinus.audit"};

    store_close(f->store);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(f, names[i]));
    assert_int_equal(0, rmdir(f->dir)); /* and nothing else was left there */
    arena_free(f->arena);
    free(f);
}

/* Run `act` on the store of a process that is then killed; leave the store closed. */
UNUSED_HERE static void die_after(struct fixture *f, void (*act)(struct fixture *f))
{
    int status = 0;
    pid_t child;

    shut(f);
    child = fork();
    if (child == 0) {
        struct error err = {0};

        if (store_open(f->dir, NULL, &f->store, &err))
            _exit(1);
        act(f);
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
}

/* `rc` is what the call returned; the error is cleared for the next one. */
UNUSED_HERE static void assert_error(enum err_code code, const char *text, enum err_code rc,
                                     struct error *err)
{
    assert_int_equal(code, rc);
    assert_int_equal(code, err->code);
    assert_string_equal(text, err->message);
    *err = (struct error){0};
}

UNUSED_HERE static void assert_reason(enum err_code code, const char *reason, enum err_code rc,
                                      struct error *err)
{
    if (rc != code)
        fail_msg("%d in place of %d: %s", rc, code, err->message);
    assert_string_equal(reason, error_reason(err));
    *err = (struct error){0};
}

UNUSED_HERE static void ok(enum err_code rc, const struct error *err)
{
    if (rc)
        fail_msg("%s: %s", error_reason(err), err->message);
}

UNUSED_HERE static struct stored_execution execution_of(const char *id, const char *application,
                                                        int64_t at)
{
    return (struct stored_execution){
        .id = id,
        .application = application,
        .account = "serinus",
        .state = EXECUTION_ACCEPTED,
        .created_unix_ms = at,
        .score = NAN,
        .submission = str_of("{\"plan\":[1]}"),
    };
}

/* Accept it as it is, unclaimed and without a mark. */
UNUSED_HERE static enum err_code
accept_one(struct store *store, const struct stored_execution *execution, struct error *err)
{
    const struct acceptance acceptance = {.execution = *execution};
    struct arena *arena = arena_create();
    const char *id = NULL;
    struct lease lease;

    if (store_execution_accept(store, &acceptance, arena, &id, &lease, err) == ERR_OK &&
        (strcmp(id, execution->id) != 0 || *lease.nonce))
        abort();
    arena_free(arena);
    return err->code;
}

/* End it whoever runs it, with these series. */
UNUSED_HERE static enum err_code finish_one(struct store *store,
                                            const struct stored_execution *execution,
                                            const struct stored_series *series, size_t n_series,
                                            struct error *err)
{
    const struct ending ending = {.execution = execution, .series = series, .n_series = n_series};

    return store_execution_finish(store, &ending, err);
}

#endif
