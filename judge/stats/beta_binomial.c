#include "judge/stats/beta_binomial.h"

#include "judge/stats/binomial.h"
#include "judge/stats/root.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

#define LOGIT_MOST 36.0 /* a share nearer to 1 is 1 */

/* ln of x^a (1-x)^b / B(a, b), with its digits also for counts whose lnB has lost them. */
static double log_beta_term(double x, double a, double b)
{
    return binomial_log_pmf(a, a + b, x) + log(a) + log(b) - log(a + b);
}

struct mixture {
    double canary, total; /* events */
    double a, b;          /* of the prior */
    double log_b;         /* ln B(a, b) */
    double alpha;
    double sign; /* of the limit: -1 below the observed share, where log E falls, 1 above */
};

static double log_e_at(const struct mixture *mixture, double share)
{
    double a = mixture->a, b = mixture->b;

    return a * log(share) + b * log1p(-share) - mixture->log_b -
           log_beta_term(share, a + mixture->canary, b + mixture->total - mixture->canary);
}

/* log E - ln(1 / alpha) against the logit of the share, turned so that it rises. */
static double above_level(double logit, double *slope, const void *ctx)
{
    const struct mixture *mixture = ctx;
    double share = 1 / (1 + exp(-logit));

    *slope = mixture->sign * (mixture->total * share - mixture->canary);
    return mixture->sign * (log_e_at(mixture, share) + log(mixture->alpha));
}

void beta_binomial_mixture(double canary_events, double total_events, double rho,
                           double concentration, double alpha, struct beta_binomial *out)
{
    double n = total_events, y = canary_events;
    double middle = y > 0 && y < n ? log(y / (n - y)) : 0;
    double logit = log(rho / (1 - rho)), limit;
    struct mixture mixture = {y, n, concentration * rho, concentration * (1 - rho), 0, alpha, -1};
    gsl_sf_result log_b;

    *out = (struct beta_binomial){NAN, NAN, NAN, NAN, NAN};
    if (!(y >= 0 && y <= n && isfinite(n) && rho > 0 && rho < 1 && concentration > 0 && alpha > 0 &&
          alpha < 1) ||
        gsl_sf_lnbeta_e(mixture.a, mixture.b, &log_b) != GSL_SUCCESS)
        return;
    mixture.log_b = log_b.val;
    *out = (struct beta_binomial){log_e_at(&mixture, rho), 0, 1, -INFINITY, INFINITY};
    if (y > 0) {
        double high = y < n ? middle : LOGIT_MOST;

        limit = root_find(above_level, &mixture, -LOGIT_MOST, high, middle - 1);
        out->share_lower = 1 / (1 + exp(-limit));
        out->log_ratio_lower = limit - logit;
    }
    if (y < n) {
        double low = y > 0 ? middle : -LOGIT_MOST;

        mixture.sign = 1;
        limit = root_find(above_level, &mixture, low, LOGIT_MOST, middle + 1);
        out->share_upper = 1 / (1 + exp(-limit));
        out->log_ratio_upper = limit - logit;
    }
}
