/* Counts of Sequential-v1.0 whose two sides are Poisson (or Bernoulli) given what they share. They
 * are looked at from the first minute on.
 *
 * Which side an event came from is a coin whose odds are those of the traffic times the rate ratio.
 * A direction is tested by ratios beyond its limit only; the confidence sequence always comes from
 * ratios on both sides. */
#include "judge/sequential.h"

#include "judge/stats/dispersion.h"
#include "judge/stats/multinomial.h"
#include "judge/stats/poisson_mixture.h"

#include <math.h>

/* The processes of one run. */
struct coins {
    struct poisson_mixture *both;       /* against "no change" */
    struct poisson_mixture *high, *low; /* beyond the limits; NULL: that of `both` */
    double log_share;                   /* of each of high and low in the whole */
    double excess;                      /* events of x beyond what "no change" expects */
};

static struct poisson_mixture *one_sided(const struct sequential *run,
                                         struct poisson_mixture_settings settings,
                                         enum direction direction, double limit)
{
    settings.direction = direction;
    settings.margin = log(limit);
    return limit > 0 && isfinite(limit) ? poisson_mixture_create(&settings, run->scratch) : NULL;
}

static bool start(const struct sequential *run, struct coins *coins, struct trace *out)
{
    struct poisson_mixture_settings settings = POISSON_MIXTURE_DEFAULTS;
    enum direction direction = run->input->policy->direction;

    settings.prior_sd = run->input->policy->options.rate_ratio_prior_sd;
    *coins = (struct coins){.both = poisson_mixture_create(&settings, run->scratch)};
    if (direction == DIRECTION_EITHER && sequential_is_neutral(run))
        return true;
    coins->log_share = direction == DIRECTION_EITHER ? -M_LN2 : 0;
    if (direction != DIRECTION_DECREASE)
        coins->high = one_sided(run, settings, DIRECTION_INCREASE, run->limits.increase);
    if (direction != DIRECTION_INCREASE)
        coins->low = one_sided(run, settings, DIRECTION_DECREASE, run->limits.decrease);
    if ((coins->high || direction == DIRECTION_DECREASE) &&
        (coins->low || direction == DIRECTION_INCREASE))
        return true;
    sequential_refuse(out, DECISION_ERROR,
                      arena_printf(run->arena,
                                   "rate ratios are compared between %.3g and %.3g, and a limit of "
                                   "effectSize lies outside",
                                   exp(settings.grid_lo), exp(settings.grid_hi)));
    return false;
}

static void add(struct coins *coins, const struct minutes *minutes, size_t i)
{
    double x = minutes->x[i], r = minutes->exposure_x[i];
    double y = minutes->y[i], s = minutes->exposure_y[i];

    poisson_mixture_add(coins->both, x, r, y, s);
    if (coins->high)
        poisson_mixture_add(coins->high, x, r, y, s);
    if (coins->low)
        poisson_mixture_add(coins->low, x, r, y, s);
    coins->excess += x - (x + y) * (r / (r + s));
}

static void look_at(const struct coins *coins, double temper, struct evidence *out)
{
    bool is_two_sided = !coins->high && !coins->low;
    double log_e = is_two_sided ? poisson_mixture_log_e(coins->both, temper) : 0;

    out->high = is_two_sided  ? sequential_evidence_for(log_e, coins->excess)
                : coins->high ? poisson_mixture_log_e(coins->high, temper) + coins->log_share
                              : 0;
    out->low = is_two_sided ? sequential_evidence_for(log_e, -coins->excess)
               : coins->low ? poisson_mixture_log_e(coins->low, temper) + coins->log_share
                            : 0;
}

static void set_interval(const struct coins *coins, double alpha, double temper,
                         struct evidence *out)
{
    double mle = poisson_mixture_mle(coins->both), lower, upper;

    poisson_mixture_interval_about(coins->both, mle, alpha, temper, &lower, &upper);
    out->estimate = exp(mle);
    out->lower = exp(lower);
    out->upper = exp(upper);
}

/* How many times as scattered as Poisson counts those of the first n minutes are. */
static double temper_of(const struct minutes *minutes, size_t n, struct arena *scratch)
{
    struct dispersion dispersion;

    dispersion_estimate(minutes->x, minutes->y, minutes->exposure_x, minutes->exposure_y, n,
                        scratch, &dispersion);
    arena_reset(scratch);
    return dispersion.inflation;
}

void sequential_poisson(const struct sequential *run, struct trace *out)
{
    const struct judge_options *options = &run->input->policy->options;
    bool is_tempered = options->model == MODEL_TEMPERED;
    struct arena *scratch;
    struct coins coins;
    size_t i = 0;

    out->method = is_tempered ? "poisson-mixture-tempered" : "poisson-mixture";
    out->exactness = is_tempered ? EXACTNESS_APPROXIMATE : EXACTNESS_EXACT;
    out->measure = "rateRatio";
    out->unit = UNIT_RATIO;
    if (!start(run, &coins, out))
        return;
    sequential_looks(run, is_tempered ? options->min_points : 1, out);
    scratch = arena_create();
    for (size_t k = 0; k < out->n_looks; k++) {
        struct evidence *look = &out->looks[k];
        double temper = 1;

        while (i < look->n)
            add(&coins, &run->minutes, i++);
        if (is_tempered)
            temper = temper_of(&run->minutes, i, scratch);
        look_at(&coins, temper, look);
        set_interval(&coins, options->alpha, temper, look);
    }
    arena_free(scratch);
}

/* Errors beside requests without one. Given how many errors there are, sampling without replacement
 * scatters less than the coin of the confidence sequence, which is a little too wide for it. */
void sequential_bernoulli(const struct sequential *run, struct trace *out)
{
    const struct minutes *minutes = &run->minutes;
    struct multinomial_e process;
    struct coins coins;
    size_t i = 0;

    out->method = "bernoulli-mixture";
    out->measure = "rateRatio";
    out->unit = UNIT_RATIO;
    if (!run->input->exposure || !sequential_is_neutral(run)) {
        sequential_refuse(
            out, DECISION_ERROR,
            run->input->exposure
                ? "model \"bernoulli\" tests for no change at all; margins need model "
                  "\"poisson\" or \"har\""
                : "model \"bernoulli\" needs exposureMetric, the requests per interval");
        return;
    }
    for (size_t k = 0; k < minutes->n; k++)
        if (minutes->x[k] > minutes->exposure_x[k] || minutes->y[k] > minutes->exposure_y[k]) {
            sequential_refuse(
                out, DECISION_ERROR,
                "there are more errors than requests, which model \"bernoulli\" cannot "
                "take; check the query of exposureMetric, or use model \"poisson\"");
            return;
        }
    if (!start(run, &coins, out))
        return;
    multinomial_e_start(&process, 2, MULTINOMIAL_PRIOR_DEFAULT, run->scratch);
    sequential_looks(run, 1, out);
    for (size_t k = 0; k < out->n_looks; k++) {
        struct evidence *look = &out->looks[k];

        for (; i < look->n; i++) {
            const double x[] = {minutes->x[i], minutes->exposure_x[i] - minutes->x[i]};
            const double y[] = {minutes->y[i], minutes->exposure_y[i] - minutes->y[i]};

            multinomial_e_add(&process, x, y);
            add(&coins, minutes, i);
        }
        look->high = sequential_evidence_for(process.log_e, coins.excess);
        look->low = sequential_evidence_for(process.log_e, -coins.excess);
        set_interval(&coins, run->input->policy->options.alpha, 1, look);
    }
}
