/* judge/stats/distribution.h -- tails and quantiles as the tests of this room want them: GSL's,
 * with its failures and the conventions for no variance turned into plain numbers. Pure.
 *
 * The process has called gsl_set_error_handler_off(). */
#ifndef JUDGE_STATS_DISTRIBUTION_H
#define JUDGE_STATS_DISTRIBUTION_H

#define P_SMALLEST 1e-300 /* what is below is reported as 0 */

/* p as it is reported: 0 below P_SMALLEST, at most 1, NaN stays. */
double p_value(double p);

/* Two-sided p of t with df degrees of freedom: 0 for an infinite t and 1 for 0 even where df does
 * not exist; otherwise NaN without t or df. */
double p_two_sided_t(double t, double df);
/* P(T > t); 0 and 1 at the infinities and 1/2 for 0, again whatever df is. */
double p_upper_t(double t, double df);
double p_two_sided_normal(double z);

/* effect / se, and what is left of it without variance: 0/0 is 0, anything else is infinite. */
double t_statistic(double effect, double se);

/* effect -+ quantile se; without variance the effect alone, whatever the quantile. */
struct interval {
    double lower, upper;
};
struct interval interval_around(double effect, double se, double quantile);

/* P(|T| > q) = alpha, so q > 0; NaN where it does not exist. df is at least 1. */
double t_quantile_two_sided(double alpha, double df);
double normal_quantile_two_sided(double alpha);

/* Student's t quantile at p in (0, 1). */
double t_quantile(double p, double df);

/* (a + b)^2 / (a^2/df_a + b^2/df_b) for variances a and b of two means; a variance of 0 counts
 * for nothing, and the result is NaN when both are 0. */
double satterthwaite_df(double a, double df_a, double b, double df_b);

#endif
