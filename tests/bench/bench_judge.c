/* Pairs judged per second on one core, for samples of several lengths, continuous and tied.
 *
 * Beside each figure stands what it costs against qsort()ing the same two arrays once, measured in
 * the same run, which travels better between machines than a rate; and the ratio to Kayenta's own
 * judge (JVM, one core of a comparable machine). Then a large canary: 1,000 metrics.
 *
 * The second table is the exact shift (Hodges-Lehmann estimate and limits, sorting included) and
 * the robust rank test that contains it, against the same qsort() and against the time the shift
 * may take: 1.25 times that of a plain implementation of the method on a comparable machine. */
#include "judge/judge.h"
#include "judge/sort.h"
#include "judge/stats/har.h"
#include "judge/stats/hodges_lehmann.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_DIFFERENT 32   /* pairs cycled through, so that no branch predictor learns one by heart */
#define MEASURE_S 0.02   /* per repetition */
#define N_REPETITIONS 30 /* the fastest counts: noise only ever adds */
#define THREE_HOURS 180  /* points that each judge is measured with */
#define LARGE_CANARY_METRICS 1000
#define LARGE_CANARY_POINTS 60

static const struct {
    size_t n;
    double kayenta_continuous, kayenta_tied; /* pairs per second */
} sizes[] = {{60, 1190, 2030}, {180, 388, 760}, {1000, 62, 131}, {10000, 5.0, 9.7}};

static const struct {
    size_t n;
    double allowed_us;
} shift_sizes[] = {{60, 1.25 * 18}, {180, 1.25 * 86}, {1000, 1.25 * 790}, {10000, 1.25 * 11000}};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* not what others on the machine take */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)(((z ^ z >> 31) >> 11) + 1) * 0x1p-53;
}

/* A latency of about 100 ms, spread by 10; tied: whole milliseconds. */
static double *series(size_t n, bool is_tied, double shift, uint64_t *state)
{
    double *values = malloc(n * sizeof(*values));

    for (size_t i = 0; i < n; i++) {
        double normal = sqrt(-2 * log(uniform(state))) * cos(2 * M_PI * uniform(state));

        values[i] = 100 + shift + 10 * normal;
        if (is_tied)
            values[i] = round(values[i]);
    }
    return values;
}

static void fill(struct metric_pair *pairs, size_t n_pairs, size_t n, bool is_tied)
{
    uint64_t state = n * 2 + is_tied;

    for (size_t i = 0; i < n_pairs; i++) {
        pairs[i] = (struct metric_pair){.name = "metric", .id = "id"};
        for (int side = 0; side < N_SIDES; side++) {
            /* every other canary is slower by half a deviation */
            double shift = side == SIDE_EXPERIMENT && i % 2 ? 5 : 0;

            pairs[i].sides[side].values = series(n, is_tied, shift, &state);
            pairs[i].sides[side].n_values = n;
            pairs[i].sides[side].step_ms = 60000;
        }
    }
}

static void release(struct metric_pair *pairs, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i++)
        for (int side = 0; side < N_SIDES; side++)
            free((void *)pairs[i].sides[side].values);
}

static void judge_all_by(const char *judge, enum metric_type type, const struct metric_pair *pairs,
                         size_t n_pairs)
{
    static const char *const groups[] = {"latency"};
    static const struct score_policy score = {.pass = 95, .marginal = 75};
    struct metric_policy *policies = calloc(n_pairs, sizeof(*policies));
    struct arena *arena = arena_create();
    struct judge_options options = judge_options_default;
    struct judge_result result;
    struct error err = {0};

    options.metric_type = type;
    for (size_t i = 0; i < n_pairs; i++)
        policies[i] = (struct metric_policy){.allowed_increase = 1,
                                             .allowed_decrease = 1,
                                             .critical_increase = 1,
                                             .critical_decrease = 1,
                                             .groups = groups,
                                             .n_groups = 1,
                                             .options = options};
    if (judge_run(judge_find(judge),
                  &(struct judge_input){
                      .pairs = pairs, .n_pairs = n_pairs, .policies = policies, .score = &score},
                  arena, &result, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    arena_free(arena);
    free(policies);
}

static void judge_all(const struct metric_pair *pairs, size_t n_pairs)
{
    judge_all_by(JUDGE_DEFAULT_NAME, TYPE_GAUGE, pairs, n_pairs);
}

/* The judges beside the standard one; whole numbers are counts to the one that counts. */
#define JUDGE_ALL(function, name, type)                                                            \
    static void function(const struct metric_pair *pairs, size_t n_pairs)                          \
    {                                                                                              \
        judge_all_by(name, type, pairs, n_pairs);                                                  \
    }
JUDGE_ALL(robust_rank_all, "RobustRank-v1.0", TYPE_GAUGE)
JUDGE_ALL(mean_all, "Mean-v1.0", TYPE_GAUGE)
JUDGE_ALL(distribution_all, "Distribution-v1.0", TYPE_GAUGE)
JUDGE_ALL(rate_all, "Rate-v1.0", TYPE_COUNTER)
JUDGE_ALL(sequential_all, "Sequential-v1.0", TYPE_GAUGE)
JUDGE_ALL(auto_all, "Auto-v1.0", TYPE_GAUGE)

static const struct {
    const char *name;
    void (*work)(const struct metric_pair *, size_t);
    bool is_tied;
} judges[] = {{"RobustRank", robust_rank_all, false},    {"Mean", mean_all, false},
              {"Distribution", distribution_all, false}, {"Rate", rate_all, true},
              {"Sequential", sequential_all, false},     {"Auto", auto_all, false}};

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static void sort_all(const struct metric_pair *pairs, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i++) {
        for (int side = 0; side < N_SIDES; side++) {
            size_t n = pairs[i].sides[side].n_values;
            double *copy = malloc(n * sizeof(*copy));

            memcpy(copy, pairs[i].sides[side].values, n * sizeof(*copy));
            qsort(copy, n, sizeof(*copy), by_value);
            free(copy);
        }
    }
}

#define ALPHA 0.02
#define Z 2.3263478740408408 /* its normal quantile, two-sided */

static void shift_all(const struct metric_pair *pairs, size_t n_pairs)
{
    struct arena *arena = arena_create();

    for (size_t i = 0; i < n_pairs; i++) {
        size_t n = pairs[i].sides[0].n_values;
        double sigma = sqrt((double)n * (double)n * (2 * (double)n + 1) / 12);
        double *sorted[N_SIDES];
        struct hodges_lehmann shift;

        arena_reset(arena);
        for (int side = 0; side < N_SIDES; side++) {
            sorted[side] = arena_array(arena, double, n);
            sort_doubles(pairs[i].sides[side].values, n, sorted[side], arena);
        }
        hodges_lehmann_interval(sorted[SIDE_EXPERIMENT], n, sorted[SIDE_CONTROL], n,
                                hodges_lehmann_normal_k(n, n, sigma, Z), arena, &shift);
    }
    arena_free(arena);
}

static void rank_all(const struct metric_pair *pairs, size_t n_pairs)
{
    struct arena *arena = arena_create();

    for (size_t i = 0; i < n_pairs; i++) {
        struct har_test test;
        struct har_shift shift;

        arena_reset(arena);
        har_rank_paired(pairs[i].sides[SIDE_EXPERIMENT].values, pairs[i].sides[SIDE_CONTROL].values,
                        pairs[i].sides[0].n_values, ALPHA, arena, &test, &shift);
    }
    arena_free(arena);
}

/* Seconds per pair, the fastest of some repetitions. */
static double measure(void (*work)(const struct metric_pair *, size_t),
                      const struct metric_pair *pairs, size_t n_pairs)
{
    double best = INFINITY;

    for (int repetition = 0; repetition < N_REPETITIONS; repetition++) {
        double start = now_s(), spent;
        size_t n_done = 0;

        do {
            work(pairs, n_pairs);
            n_done += n_pairs;
            spent = now_s() - start;
        } while (spent < MEASURE_S);
        if (spent / (double)n_done < best)
            best = spent / (double)n_done;
    }
    return best;
}

/* True when every shift took no longer than it may. */
static bool bench_shift(void)
{
    bool is_quick = true;

    printf("\n%-11s %7s %12s %10s %10s %12s %10s\n", "data", "points", "shift us", "x qsort",
           "of target", "rank test us", "x qsort");
    for (int is_tied = 0; is_tied < 2; is_tied++) {
        for (size_t s = 0; s < ARRAY_LEN(shift_sizes); s++) {
            struct metric_pair pairs[N_DIFFERENT];
            double sorted, shift, rank, share;

            fill(pairs, N_DIFFERENT, shift_sizes[s].n, is_tied);
            sorted = measure(sort_all, pairs, N_DIFFERENT);
            shift = measure(shift_all, pairs, N_DIFFERENT);
            rank = measure(rank_all, pairs, N_DIFFERENT);
            share = shift * 1e6 / shift_sizes[s].allowed_us;
            printf("%-11s %7zu %12.2f %10.2f %10.2f %12.2f %10.2f\n",
                   is_tied ? "tied" : "continuous", shift_sizes[s].n, shift * 1e6, shift / sorted,
                   share, rank * 1e6, rank / sorted);
            is_quick &= share <= 1;
            release(pairs, N_DIFFERENT);
        }
    }
    return is_quick;
}

int main(void)
{
    struct metric_pair *large = calloc(LARGE_CANARY_METRICS, sizeof(*large));

    gsl_set_error_handler_off();
    printf("%-11s %7s %12s %12s %10s %10s\n", "data", "points", "pairs/s", "us/pair", "x qsort",
           "x Kayenta");
    for (int is_tied = 0; is_tied < 2; is_tied++) {
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            double kayenta = is_tied ? sizes[s].kayenta_tied : sizes[s].kayenta_continuous;
            struct metric_pair pairs[N_DIFFERENT];
            double judged, sorted;

            fill(pairs, N_DIFFERENT, sizes[s].n, is_tied);
            judged = measure(judge_all, pairs, N_DIFFERENT);
            sorted = measure(sort_all, pairs, N_DIFFERENT);
            printf("%-11s %7zu %12.0f %12.2f %10.2f %10.0f\n", is_tied ? "tied" : "continuous",
                   sizes[s].n, 1 / judged, judged * 1e6, judged / sorted, 1 / judged / kayenta);
            release(pairs, N_DIFFERENT);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(judges); i++) {
        struct metric_pair pairs[N_DIFFERENT];
        double judged, sorted;

        fill(pairs, N_DIFFERENT, THREE_HOURS, judges[i].is_tied);
        judged = measure(judges[i].work, pairs, N_DIFFERENT);
        sorted = measure(sort_all, pairs, N_DIFFERENT);
        printf("%-11.11s %7d %12.0f %12.2f %10.2f %10s\n", judges[i].name, THREE_HOURS, 1 / judged,
               judged * 1e6, judged / sorted, "-");
        release(pairs, N_DIFFERENT);
    }
    fill(large, LARGE_CANARY_METRICS, LARGE_CANARY_POINTS, false);
    printf("%d metrics of %d points: %.2f ms\n", LARGE_CANARY_METRICS, LARGE_CANARY_POINTS,
           measure(judge_all, large, LARGE_CANARY_METRICS) * 1e3 * LARGE_CANARY_METRICS);
    release(large, LARGE_CANARY_METRICS);
    free(large);
    return bench_shift() ? 0 : 1;
}
