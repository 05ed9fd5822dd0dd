#include "tests/sim/frame.h"

#include "base/worker_pool.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RUNS_PER_BLOCK 4u /* small, so that threads end together, and a few runs have several */

struct shared {
    const struct cell *cell;
    uint64_t seed;
    atomic_size_t n_flagged, alarms_at[MAX_MINUTES + 1];
};

struct block {
    struct shared *shared;
    size_t first, end;
};

/* A row keeps its numbers when others are added before it. */
static uint64_t seed_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}

static void run_block(void *ctx)
{
    const struct block *block = ctx;
    struct shared *shared = block->shared;
    struct arena *arena = arena_create();

    for (size_t run = block->first; run < block->end; run++) {
        struct trial trial = {.random = random_start(shared->seed, run), .arena = arena};

        shared->cell->run(shared->cell, &trial);
        if (trial.is_flagged) {
            atomic_fetch_add(&shared->n_flagged, 1);
            atomic_fetch_add(&shared->alarms_at[trial.minute], 1);
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

enum err_code count_runs(const struct cell *cell, size_t n_runs, unsigned n_threads,
                         struct count *out, struct error *err)
{
    struct shared shared = {.cell = cell, .seed = seed_of(cell->name)};
    size_t n_blocks = (n_runs + RUNS_PER_BLOCK - 1) / RUNS_PER_BLOCK;
    struct block *blocks = mem_alloc(n_blocks, sizeof(*blocks));
    struct worker_pool *pool = NULL;

    if (worker_pool_create("sim", n_threads, &pool, err)) {
        free(blocks);
        return err->code;
    }
    for (size_t i = 0; i < n_blocks; i++) {
        size_t first = i * RUNS_PER_BLOCK, end = first + RUNS_PER_BLOCK;

        blocks[i] = (struct block){&shared, first, end < n_runs ? end : n_runs};
        worker_pool_submit(pool, run_block, &blocks[i]);
    }
    worker_pool_free(pool);
    free(blocks);
    *out = (struct count){.n_runs = n_runs, .n_flagged = atomic_load(&shared.n_flagged)};
    for (size_t i = 0; i <= MAX_MINUTES; i++)
        out->alarms_at[i] = atomic_load(&shared.alarms_at[i]);
    return ERR_OK;
}

double count_percent(const struct count *count)
{
    return 100 * (double)count->n_flagged / (double)count->n_runs;
}

double count_se(const struct count *count)
{
    double p = (double)count->n_flagged / (double)count->n_runs;

    return 100 * sqrt(p * (1 - p) / (double)count->n_runs);
}

size_t count_median(const struct count *count)
{
    size_t n = count->alarms_at[0];

    for (size_t minute = 1; minute <= MAX_MINUTES; minute++) {
        n += count->alarms_at[minute];
        if (2 * n > count->n_runs)
            return count->alarms_at[0] ? 0 : minute;
    }
    return 0;
}

bool bound_holds(const struct bound *bound, const struct count *count, double slack)
{
    double percent = count_percent(count);
    /* What must never happen is not a matter of chance. */
    double granted = bound->percent > 0 ? slack * count_se(count) : 0;
    size_t median = count_median(count);

    if (bound->median && (median == 0 || median > bound->median))
        return false;
    switch (bound->kind) {
    case BOUND_AT_MOST:
        return percent <= bound->percent + granted;
    case BOUND_AT_LEAST:
        return percent >= bound->percent - granted;
    case BOUND_AROUND:
        return fabs(percent - bound->percent) <= bound->width + granted;
    }
    return false;
}
