/* How often do the judges raise an alarm when nothing has changed, and how often and how soon when
 * something has? Every row of the table in docs/judges.md, judged as the product judges it.
 *
 *     sim                    4,000 runs a row
 *     sim --runs 20000       as many as the bounds were set for
 *     sim --only NAME        the rows whose name contains NAME
 *     sim --threads 1        (default: one a core; the numbers do not depend on it)
 *
 * With fewer runs than 20,000 a bound grants two Monte-Carlo standard errors; with fewer than 1,000
 * the numbers say nothing, and only that every row can be judged is shown. Exit code 1: a bound was
 * missed. */
#include "tests/sim/frame.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_RUNS 4000u
#define FULL_RUNS 20000u
#define LEAST_RUNS 1000u
#define GRANTED_SE 2.0
#define NAME_COLUMNS 66
#define BOUND_COLUMNS 18

struct settings {
    size_t n_runs;
    unsigned n_threads;
    const char *only;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void usage(void)
{
    fprintf(stderr, "usage: sim [--runs N] [--only NAME] [--threads N]\n");
    exit(2);
}

static unsigned long number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || value == 0 || value > 10000000)
        usage();
    return value;
}

static struct settings read_arguments(int argc, char **argv)
{
    struct settings settings = {.n_runs = DEFAULT_RUNS, .only = ""};
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);

    settings.n_threads = n_cores > 0 ? (unsigned)n_cores : 1;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            usage();
        if (strcmp(argv[i], "--runs") == 0)
            settings.n_runs = number(argv[i + 1]);
        else if (strcmp(argv[i], "--only") == 0)
            settings.only = argv[i + 1];
        else if (strcmp(argv[i], "--threads") == 0)
            settings.n_threads = (unsigned)number(argv[i + 1]);
        else
            usage();
    }
    return settings;
}

/* The field width that pads UTF-8 `text` to `columns`: printf counts bytes. */
static int width_of(const char *text, int columns)
{
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) == 0x80;
    return columns;
}

static void print_bound(const struct bound *bound, char *text, size_t size)
{
    int n = 0;

    switch (bound->kind) {
    case BOUND_AT_MOST:
        n = snprintf(text, size, "≤ %.3g", bound->percent);
        break;
    case BOUND_AT_LEAST:
        n = snprintf(text, size, "≥ %.3g", bound->percent);
        break;
    case BOUND_AROUND:
        n = snprintf(text, size, "%.3g ± %.2g", bound->percent, bound->width);
        break;
    }
    if (bound->median && n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n, ", by minute %zu", bound->median);
}

/* One row of the table. False: the bound was missed. */
static bool print_row(const struct cell *cell, const struct settings *settings)
{
    size_t n_runs = settings->n_runs / (cell->divisor ? cell->divisor : 1);
    double start = now_s(), slack = settings->n_runs < FULL_RUNS ? GRANTED_SE : 0;
    char bound[64] = "", median[32] = "";
    struct error err = {0};
    struct count count;
    bool is_kept;

    if (count_runs(cell, n_runs ? n_runs : 1, settings->n_threads, &count, &err)) {
        fprintf(stderr, "sim: %s\n", err.message);
        exit(1);
    }
    is_kept = settings->n_runs < LEAST_RUNS || bound_holds(&cell->bound, &count, slack);
    print_bound(&cell->bound, bound, sizeof(bound));
    if (cell->bound.median)
        snprintf(median, sizeof(median), ", minute %zu", count_median(&count));
    printf("| %-*s | %-*s | %6.2f ± %.2f%-13s | %6zu | %6.1f s | %-6s |\n",
           width_of(cell->name, NAME_COLUMNS), cell->name, width_of(bound, BOUND_COLUMNS), bound,
           count_percent(&count), count_se(&count), median, count.n_runs, now_s() - start,
           is_kept ? "kept" : "MISSED");
    fflush(stdout);
    return is_kept;
}

int main(int argc, char **argv)
{
    struct settings settings = read_arguments(argc, argv);
    size_t n_kept = 0, n_missed = 0;

    gsl_set_error_handler_off();
    printf("| %-*s | %-*s | %-26s | %6s | %8s | %-6s |\n", NAME_COLUMNS, "row", BOUND_COLUMNS,
           "bound, %", "measured, %", "runs", "time", "");
    printf("| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n_cells; i++) {
        if (!strstr(cells[i].name, settings.only))
            continue;
        if (print_row(&cells[i], &settings))
            n_kept++;
        else
            n_missed++;
    }
    if (settings.n_runs < LEAST_RUNS)
        printf("(%zu runs a row are too few to hold them against the bounds)\n", settings.n_runs);
    printf("%zu kept, %zu missed\n", n_kept, n_missed);
    return n_kept && !n_missed ? 0 : 1;
}
