/* judge/stats/asymptotic_cs.h -- confidence sequences for means when the variance is as good as
 * known (from 100 effective points on); below that use t_mixture.h. Pure.
 *
 * mean -+ sigma sqrt(2 (t rho^2 + 1) / (t^2 rho^2) ln(sqrt(t rho^2 + 1) / alpha)); rho^2 chooses
 * the time t* at which it is narrowest. Source: Waudby-Smith et al., Ann. Statist. 2024; Robbins
 * 1970; Johari et al. 2022. */
#ifndef JUDGE_STATS_ASYMPTOTIC_CS_H
#define JUDGE_STATS_ASYMPTOTIC_CS_H

#define ASYMPTOTIC_CS_T_STAR_DEFAULT 60.0

/* rho^2 = y / t_star with y - ln(1 + y) = -2 ln alpha. alpha in (0, 1), t_star > 0; NaN otherwise.
 */
double asymptotic_cs_rho2(double alpha, double t_star);

/* The same with y approximately -2 ln alpha + ln(1 - 2 ln alpha). */
double asymptotic_cs_rho2_approximate(double alpha, double t_star);

/* Half-width after t points of standard deviation sigma. */
double asymptotic_cs_radius(double sigma, double t, double alpha, double rho2);

#endif
