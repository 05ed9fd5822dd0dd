#include "judge/stats/betting.h"

#include <math.h>
#include <string.h>

static const double stakes[] = {.05, .1, .2, .3, .45, .6, .8};

_Static_assert(2 * sizeof(stakes) / sizeof(stakes[0]) == BETTING_MAX_LAMBDAS,
               "a stake of each sign");

void betting_start(struct betting *bet, enum direction direction, struct arena *arena)
{
    *bet = (struct betting){.arena = arena};
    for (size_t k = 0; k < ARRAY_LEN(stakes); k++) {
        if (direction != DIRECTION_DECREASE)
            bet->lambdas[bet->n_lambdas++] = stakes[k];
        if (direction != DIRECTION_INCREASE)
            bet->lambdas[bet->n_lambdas++] = -stakes[k];
    }
}

/* Points below `value`, or up to it. */
static size_t count_below(const struct betting *bet, double value, bool is_inclusive)
{
    size_t low = 0, high = bet->n_sorted;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (bet->sorted[middle] < value || (is_inclusive && bet->sorted[middle] == value))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Share of the earlier points below, ties one half. */
static double midrank_share(const struct betting *bet, double value)
{
    size_t twice = count_below(bet, value, false) + count_below(bet, value, true);

    return bet->n_sorted ? (double)twice / (2 * (double)bet->n_sorted) : 0;
}

static void keep(struct betting *bet, double value)
{
    size_t at = count_below(bet, value, true);

    if (bet->n_sorted == bet->capacity)
        bet->sorted = arena_grow(bet->arena, bet->sorted, bet->n_sorted, &bet->capacity,
                                 sizeof(*bet->sorted));
    memmove(bet->sorted + at + 1, bet->sorted + at, (bet->n_sorted - at) * sizeof(*bet->sorted));
    bet->sorted[at] = value;
    bet->n_sorted++;
}

void betting_add(struct betting *bet, double x, double y)
{
    double s = midrank_share(bet, x) - midrank_share(bet, y);
    double largest = -INFINITY, sum = 0;

    for (size_t k = 0; k < bet->n_lambdas; k++) {
        bet->log_products[k] += log1p(bet->lambdas[k] * s);
        largest = fmax(largest, bet->log_products[k]);
    }
    for (size_t k = 0; k < bet->n_lambdas; k++)
        sum += exp(bet->log_products[k] - largest);
    bet->log_e = largest + log(sum / (double)bet->n_lambdas);
    bet->max_log_e = fmax(bet->max_log_e, bet->log_e);
    keep(bet, x);
    keep(bet, y);
    bet->n_pairs++;
}
