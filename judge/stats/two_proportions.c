#include "judge/stats/two_proportions.h"

#include "judge/stats/binomial.h"
#include "judge/stats/distribution.h"

#include <math.h>

#define PMF_SLACK                                                                                  \
    1e-7 /* tables this close in probability, relatively, are equal; R's fisher.test */
#define EXPECTED_LEAST 5.0 /* below it the normal approximation of a 2 x 2 table is poor */
#define TAIL_NEGLIGIBLE 1e-18
#define YATES_CORRECTION 0.5

/* n1 and n2 balls of two kinds, K of them drawn. */
struct urn {
    double n1, n2, drawn;
};

/* ln P(k balls of the first kind): three binomials with the same p; Loader 2000. */
static double urn_log_pmf(const struct urn *urn, double k)
{
    double total = urn->n1 + urn->n2;
    double p = urn->drawn / total;

    return binomial_log_pmf(k, urn->n1, p) + binomial_log_pmf(urn->drawn - k, urn->n2, p) -
           binomial_log_pmf(urn->drawn, total, p);
}

/* The sum of the probabilities from k outwards (step 1 or -1), which fall all the way. */
static double urn_tail(const struct urn *urn, double k, double step)
{
    double least = fmax(0, urn->drawn - urn->n2);
    double most = fmin(urn->n1, urn->drawn);
    double term, sum = 0;

    if (k < least || k > most)
        return 0;
    term = exp(urn_log_pmf(urn, k));
    while (k >= least && k <= most) {
        sum += term;
        if (term <= sum * TAIL_NEGLIGIBLE)
            break;
        if (step > 0)
            term *= (urn->n1 - k) / (k + 1) * ((urn->drawn - k) / (urn->n2 - urn->drawn + k + 1));
        else
            term *= k / (urn->n1 - k + 1) * ((urn->n2 - urn->drawn + k) / (urn->drawn - k + 1));
        k += step;
    }
    return sum;
}

static double fisher_p(double x1, double n1, double x2, double n2)
{
    struct urn urn = {n1, n2, x1 + x2};
    double least = fmax(0, urn.drawn - n2);
    double most = fmin(n1, urn.drawn);
    double mode = floor((urn.drawn + 1) * (n1 + 1) / (n1 + n2 + 2));
    double limit = urn_log_pmf(&urn, x1) + log1p(PMF_SLACK);
    double low, high, sum;

    mode = fmin(fmax(mode, least), most);
    if (urn_log_pmf(&urn, mode) <= limit)
        return 1;
    /* The last improbable count below the mode, and the first one above it. */
    for (low = least - 1, high = mode; low < high;) {
        double middle = high - floor((high - low) / 2);

        if (urn_log_pmf(&urn, middle) <= limit)
            low = middle;
        else
            high = middle - 1;
    }
    sum = urn_tail(&urn, low, -1);
    for (low = mode, high = most + 1; low < high;) {
        double middle = low + floor((high - low) / 2);

        if (urn_log_pmf(&urn, middle) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    return fmin(1, sum + urn_tail(&urn, low, 1));
}

static void wilson(double x, double n, double z, double *lower, double *upper)
{
    double p = x / n;
    double scale = 1 + z * z / n;
    double centre = (p + z * z / (2 * n)) / scale;
    double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale;

    *lower = x == 0 ? 0 : centre - half; /* exact at the ends, where the difference rounds */
    *upper = x == n ? 1 : centre + half;
}

void two_proportions_test(double x1, double n1, double x2, double n2, double alpha,
                          struct two_proportions *out)
{
    double pooled, expected, off, rest, variance, quantile, half;

    x1 = floor(x1);
    x2 = floor(x2);
    n1 = floor(n1);
    n2 = floor(n2);
    if (!(x1 >= 0 && x1 <= n1 && x2 >= 0 && x2 <= n2 && n1 >= 1 && n2 >= 1 && n1 + n2 < 0x1p53 &&
          alpha > 0 && alpha < 1)) {
        *out = (struct two_proportions){NAN, NAN, NAN, NAN,   NAN, NAN, NAN, NAN,
                                        NAN, NAN, NAN, false, NAN, NAN, NAN, NAN};
        return;
    }
    out->p1 = x1 / n1;
    out->p2 = x2 / n2;
    out->difference = out->p1 - out->p2;
    pooled = (x1 + x2) / (n1 + n2);
    expected = n1 * pooled;
    rest = n2 * pooled;
    out->is_small = fmin(fmin(expected, n1 - expected), fmin(rest, n2 - rest)) < EXPECTED_LEAST;

    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2);
    out->z = t_statistic(out->difference, sqrt(variance));
    out->p_uncorrected = p_two_sided_normal(out->z);
    off = fabs(x1 - expected);
    off -= fmin(YATES_CORRECTION, off);
    out->p_corrected =
        p_two_sided_normal(t_statistic(off, sqrt(pooled * (1 - pooled) * n1 * (n2 / (n1 + n2)))));
    out->p_fisher = p_value(fisher_p(x1, n1, x2, n2));

    quantile = normal_quantile_two_sided(alpha);
    half = quantile * sqrt(out->p1 * (1 - out->p1) / n1 + out->p2 * (1 - out->p2) / n2);
    out->wald_lower = out->difference - half;
    out->wald_upper = out->difference + half;
    wilson(x1, n1, quantile, &out->wilson1_lower, &out->wilson1_upper);
    wilson(x2, n2, quantile, &out->wilson2_lower, &out->wilson2_upper);
    out->newcombe_lower =
        out->difference - hypot(out->p1 - out->wilson1_lower, out->wilson2_upper - out->p2);
    out->newcombe_upper =
        out->difference + hypot(out->wilson1_upper - out->p1, out->p2 - out->wilson2_lower);
}
