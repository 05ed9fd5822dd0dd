/* judge/stats/t_mixture.h -- a t-test that may be looked at every minute. Pure.
 *
 * With T = mean(d) / sqrt(omega / n), nu degrees of freedom and a = 1 + g n_eff (g the prior
 * variance of the standardised effect) the evidence against "no difference" is
 *
 *     log E = -ln(a) / 2 + (nu + 1) / 2 * [ln(1 + T^2 / nu) - ln(1 + T^2 / (a nu))]
 *
 * and the interval that holds at all looks at once: with r = (a / alpha^2)^(1 / (nu + 1)),
 * half-width sqrt(nu (r - 1) / (1 - r / a)) sqrt(omega / n), unbounded when r >= a. Alarm at log E
 * >= -ln alpha.
 *
 * Independent points: omega = s^2, nu = n - 1, n_eff = n. That is the Bayes factor with the
 * right-Haar prior, an exact e-process for Gaussian data. HAR: omega, nu and n_eff of long_run.h,
 * for autocorrelated series; approximate, from about 30 points on.
 *
 * A constant series: log E of T = 0, or its limit nu ln(a) / 2 when the constant is not 0.
 *
 * Source: Goenen et al. 2005; Hendriksen, de Heide and Gruenwald 2021; Wang and Ramdas 2025. */
#ifndef JUDGE_STATS_T_MIXTURE_H
#define JUDGE_STATS_T_MIXTURE_H

#include "base/arena.h"
#include "judge/policy.h"
#include <stddef.h>

#define T_MIXTURE_G_DEFAULT 0.25 /* prior deviation of the standardised effect: one half */
#define T_MIXTURE_MIN_POINTS_DEFAULT 30

struct t_mixture {
    double t, nu, n_eff;
    double log_e;
    double centre; /* mean of d */
    double se;     /* of the mean */
    double radius; /* of the interval for it; may be infinite */
};

/* Independent differences d; all NaN for n < 3. g > 0, alpha in (0, 1). */
void t_mixture_iid(const double *d, size_t n, double g, double alpha, struct arena *scratch,
                   struct t_mixture *out);

enum t_mixture_variant {
    T_MIXTURE_MEAN, /* d_t = x_t - ratio y_t - shift */
    T_MIXTURE_RANK, /* d_t = difference of the midranks among all points so far */
};

struct t_mixture_settings {
    enum t_mixture_variant variant;
    double g, alpha;
    size_t min_points;        /* of the first look, >= 3 */
    double shift, ratio;      /* of the means' d_t: a margin; 0 and 1 for "no difference" */
    enum direction direction; /* which sign of T may raise the alarm; the threshold is the same */
};

/* One HAR look at the first t pairs; t >= 3, all NaN for fewer. O(t log t + nu t). */
void t_mixture_look(const double *x, const double *y, size_t t,
                    const struct t_mixture_settings *settings, struct arena *scratch,
                    struct t_mixture *out);

/* The same look with another "no difference" than 0 (T = (mean(d) - null) / se), and with standard
 * errors `factor` times as large. The centre stays, as does what is NaN. */
void t_mixture_restate(const struct t_mixture *look, double null, double factor, double g,
                       double alpha, struct t_mixture *out);

struct t_mixture_sequence {
    struct t_mixture *looks; /* at t = first_look, first_look + 1 .. n; in `scratch` */
    size_t n_looks, first_look;
    size_t first_crossing; /* the t of the alarm, 0 for never */
    double max_log_e;      /* over all looks so far, whatever the sign; NaN without a look */
};

/* Look at every t from min_points to n. The same numbers as t_mixture_look() at each t.
 * Time O(n^2 nu): 0.7 ms for 180 points. */
void har_t_mixture_sequence(const double *x, const double *y, size_t n,
                            const struct t_mixture_settings *settings, struct arena *scratch,
                            struct t_mixture_sequence *out);

#endif
