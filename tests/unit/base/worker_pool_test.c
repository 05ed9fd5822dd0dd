#include "tests/support.h"

#include "base/arena.h"
#include "base/worker_pool.h"

#include <pthread.h>
#include <stdatomic.h>

#define N_PASSES 1000

/* A job that two pools pass to each other. */
struct ball {
    struct worker_pool *pools[2];
    atomic_int n_passes;
};

static void pass_on(void *ctx)
{
    struct ball *ball = ctx;
    int n = atomic_fetch_add(&ball->n_passes, 1) + 1;

    if (n < N_PASSES)
        worker_pool_submit(ball->pools[n % 2], pass_on, ball);
}

static void pools_that_hand_work_to_each_other_can_be_stopped(void **state)
{
    struct ball ball = {0};
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(ERR_OK, worker_pool_create("test", 2, &ball.pools[i], &err));
    pass_on(&ball);
    for (int i = 0; i < 2; i++)
        worker_pool_stop(ball.pools[i]);
    assert_int_equal(N_PASSES, atomic_load(&ball.n_passes)); /* none was lost */
    for (int i = 0; i < 2; i++)
        worker_pool_free(ball.pools[i]);
}

static void note_thread(void *ctx)
{
    *(pthread_t *)ctx = pthread_self();
}

static void a_stopped_pool_runs_jobs_where_they_are_submitted(void **state)
{
    struct worker_pool *pool;
    struct error err = {0};
    pthread_t thread = {0};

    (void)state;
    assert_int_equal(ERR_OK, worker_pool_create("test", 1, &pool, &err));
    worker_pool_stop(pool);
    worker_pool_stop(pool); /* a second time does nothing */
    worker_pool_submit(pool, note_thread, &thread);
    assert_true(pthread_equal(thread, pthread_self()));
    assert_int_equal(0, worker_pool_queued(pool));
    worker_pool_free(pool);
    worker_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_that_hand_work_to_each_other_can_be_stopped),
        cmocka_unit_test(a_stopped_pool_runs_jobs_where_they_are_submitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
