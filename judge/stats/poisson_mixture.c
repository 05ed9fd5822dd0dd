#include "judge/stats/poisson_mixture.h"

#include "judge/stats/poisson_rates.h"
#include "judge/stats/root.h"

#include <math.h>

#define LOG_RATIO_MOST 12.0 /* a ratio of 160,000: beyond it the interval is open */
#define GRID_ROUNDING 1e-9

struct poisson_mixture {
    struct arena *arena;
    double margin;
    /* The grid and what each point has gathered. */
    size_t n_grid;
    double *deltas, *log_weights, *log_likelihoods;
    /* The intervals so far: for the likelihood away from the grid. */
    double events_x;
    double *events, *shares, *log_odds;
    size_t n, capacity;
};

/* On the alarm's side of the margin. The grid's points carry rounding: one that is meant to lie on
 * the margin is not beyond it. */
static bool is_kept(double delta, const struct poisson_mixture_settings *settings)
{
    double beyond = delta - settings->margin;

    switch (settings->direction) {
    case DIRECTION_INCREASE:
        return beyond > GRID_ROUNDING;
    case DIRECTION_DECREASE:
        return beyond < -GRID_ROUNDING;
    case DIRECTION_EITHER:
        break;
    }
    return true;
}

/* ln of w_k exp(l(delta_k) / c). */
static double log_term(const struct poisson_mixture *mixture, size_t k, double temper)
{
    return mixture->log_weights[k] + mixture->log_likelihoods[k] / temper;
}

/* ln of their sum. */
static double mixed(const struct poisson_mixture *mixture, double temper)
{
    double largest = log_term(mixture, 0, temper);
    double sum;

    for (size_t k = 1; k < mixture->n_grid; k++)
        largest = fmax(largest, log_term(mixture, k, temper));
    sum = exp(log_term(mixture, 0, temper) - largest);
    for (size_t k = 1; k < mixture->n_grid; k++)
        sum += exp(log_term(mixture, k, temper) - largest);
    return largest + log(sum);
}

struct poisson_mixture *poisson_mixture_create(const struct poisson_mixture_settings *settings,
                                               struct arena *arena)
{
    struct poisson_mixture *mixture = arena_new(arena, struct poisson_mixture);
    double width = settings->grid_hi - settings->grid_lo;
    double all;

    mixture->arena = arena;
    mixture->margin = settings->margin;
    mixture->deltas = arena_array(arena, double, settings->n_grid);
    mixture->log_weights = arena_array(arena, double, settings->n_grid);
    mixture->log_likelihoods = arena_array(arena, double, settings->n_grid);
    for (size_t k = 0; k < settings->n_grid; k++) {
        double part = settings->n_grid > 1 ? (double)k / (double)(settings->n_grid - 1) : 0.5;
        double delta = settings->grid_lo + width * part;
        double in_sd = delta / settings->prior_sd;

        if (!is_kept(delta, settings))
            continue;
        mixture->log_weights[mixture->n_grid] = -in_sd * in_sd / 2;
        mixture->deltas[mixture->n_grid++] = delta;
    }
    if (mixture->n_grid == 0)
        return NULL;
    all = mixed(mixture, 1); /* the weights alone so far */
    for (size_t k = 0; k < mixture->n_grid; k++)
        mixture->log_weights[k] -= all;
    return mixture;
}

static bool is_count(double value)
{
    return value >= 0 && isfinite(value);
}

static double *grown(struct poisson_mixture *mixture, double *items, size_t capacity)
{
    return arena_grow(mixture->arena, items, mixture->n, &capacity, sizeof(*items));
}

bool poisson_mixture_add(struct poisson_mixture *mixture, double errors_x, double exposure_x,
                         double errors_y, double exposure_y)
{
    double events = errors_x + errors_y;
    double share = exposure_x / (exposure_x + exposure_y);

    if (!(is_count(errors_x) && is_count(errors_y) && events > 0 && is_count(exposure_x) &&
          is_count(exposure_y) && exposure_x > 0 && exposure_y > 0))
        return false;
    for (size_t k = 0; k < mixture->n_grid; k++)
        mixture->log_likelihoods[k] +=
            errors_x * mixture->deltas[k] - events * log1p(share * expm1(mixture->deltas[k]));
    if (mixture->n == mixture->capacity) {
        size_t before = mixture->capacity;

        mixture->events = grown(mixture, mixture->events, before);
        mixture->shares = grown(mixture, mixture->shares, before);
        mixture->log_odds = arena_grow(mixture->arena, mixture->log_odds, mixture->n,
                                       &mixture->capacity, sizeof(*mixture->log_odds));
    }
    mixture->events[mixture->n] = events;
    mixture->shares[mixture->n] = share;
    mixture->log_odds[mixture->n++] = log(exposure_x / exposure_y);
    mixture->events_x += errors_x;
    return true;
}

/* l(delta), and its derivative in *slope. */
static double log_likelihood(const struct poisson_mixture *mixture, double delta, double *slope)
{
    double growth = expm1(delta), factor = exp(delta);
    double sum = mixture->events_x * delta;

    *slope = mixture->events_x;
    for (size_t t = 0; t < mixture->n; t++) {
        double events = mixture->events[t], share = mixture->shares[t];

        sum -= events * log1p(share * growth);
        *slope -= events * (share * factor / (1 + share * growth));
    }
    return sum;
}

double poisson_mixture_log_e(const struct poisson_mixture *mixture, double temper)
{
    double slope;

    return mixed(mixture, temper) - log_likelihood(mixture, mixture->margin, &slope) / temper;
}

double poisson_mixture_mle(const struct poisson_mixture *mixture)
{
    return poisson_rates_log_ratio(mixture->events_x, mixture->events, mixture->log_odds,
                                   mixture->n);
}

struct level {
    const struct poisson_mixture *mixture;
    double height; /* of l / sign */
    double sign;   /* 1: the rising side; -1: the falling side, turned round */
};

static double above_level(double at, double *slope, const void *ctx)
{
    const struct level *level = ctx;
    double value = log_likelihood(level->mixture, level->sign * at, slope);

    *slope *= level->sign;
    return value - level->height;
}

/* Where l falls to the level, going from `top` outwards: sign -1 upwards, 1 downwards. `start` is
 * where it would if it were a parabola. */
static double level_end(const struct level *level, double top, double start)
{
    double slope, from = -LOG_RATIO_MOST, to = level->sign * top;
    double at = level->sign * start;

    if (to <= from || above_level(from, &slope, level) >= 0)
        return level->sign * -INFINITY;
    if (!(at > from && at < to))
        at = from + (to - from) / 2;
    return level->sign * root_find(above_level, level, from, to, at);
}

/* How far from its top a parabola with the curvature of l falls to the level. */
static double parabola_width(const struct level *level, double top)
{
    const struct poisson_mixture *mixture = level->mixture;
    double growth = expm1(top), factor = exp(top), information = 0, slope;

    for (size_t t = 0; t < mixture->n; t++) {
        double theta = mixture->shares[t] * factor / (1 + mixture->shares[t] * growth);

        information += mixture->events[t] * theta * (1 - theta);
    }
    return sqrt(2 * (log_likelihood(mixture, top, &slope) - level->height) / information);
}

void poisson_mixture_interval_about(const struct poisson_mixture *mixture, double mle, double alpha,
                                    double temper, double *lower, double *upper)
{
    struct level level = {mixture, (mixed(mixture, temper) + log(alpha)) * temper, 1};
    double top = fmax(-LOG_RATIO_MOST, fmin(LOG_RATIO_MOST, mle)), width;

    *lower = -INFINITY;
    *upper = INFINITY;
    if (isnan(mle))
        return;
    width = parabola_width(&level, top);
    *lower = level_end(&level, top, top - width);
    level.sign = -1;
    *upper = level_end(&level, top, top + width);
}

void poisson_mixture_interval(const struct poisson_mixture *mixture, double alpha, double temper,
                              double *lower, double *upper)
{
    poisson_mixture_interval_about(mixture, poisson_mixture_mle(mixture), alpha, temper, lower,
                                   upper);
}
