#include "judge/brent.h"

#include <float.h>
#include <math.h>

static bool is_zero(double value)
{
    return fabs(value) <= DBL_TRUE_MIN;
}

static void finish(struct brent *search, double root)
{
    search->at = root;
    search->is_done = true;
}

/* One round, up to the point that has to be evaluated. */
static void advance(struct brent *s)
{
    double step = s->b - s->a; /* of the round before, with the names as they were then */
    double tolerance, half;

    if (s->n_rounds++ >= BRENT_MAX_ROUNDS) {
        finish(s, s->b);
        return;
    }
    if (fabs(s->f_c) < fabs(s->f_b)) {
        s->a = s->b, s->f_a = s->f_b;
        s->b = s->c, s->f_b = s->f_c;
        s->c = s->a, s->f_c = s->f_a;
    }
    tolerance = 2 * DBL_EPSILON * fabs(s->b) + BRENT_TOLERANCE / 2;
    half = (s->c - s->b) / 2;
    if (fabs(half) <= tolerance || is_zero(s->f_b)) {
        finish(s, s->b);
        return;
    }
    if (fabs(step) >= tolerance && fabs(s->f_a) > fabs(s->f_b)) {
        double width = s->c - s->b;
        double p, q;

        if (s->a == s->c) { /* two points: the secant */
            double t = s->f_b / s->f_a;

            p = width * t;
            q = 1 - t;
        } else { /* three points: inverse quadratic interpolation */
            double t1 = s->f_b / s->f_c, t2 = s->f_b / s->f_a;

            q = s->f_a / s->f_c;
            p = t2 * (width * q * (q - t1) - (s->b - s->a) * (t1 - 1));
            q = (q - 1) * (t1 - 1) * (t2 - 1);
        }
        if (p > 0)
            q = -q;
        else
            p = -p;
        if (p < 0.75 * width * q - fabs(tolerance * q) / 2 && p < fabs(step * q / 2))
            half = p / q;
    }
    if (fabs(half) < tolerance)
        half = half > 0 ? tolerance : -tolerance;
    s->a = s->b, s->f_a = s->f_b;
    s->b += half;
    s->at = s->b;
}

void brent_start(struct brent *search, double a, double f_a, double b, double f_b)
{
    *search = (struct brent){.a = a, .f_a = f_a, .b = b, .f_b = f_b, .c = a, .f_c = f_a};
    if (is_zero(f_a))
        finish(search, a);
    else if (is_zero(f_b))
        finish(search, b);
    else
        advance(search);
}

void brent_next(struct brent *search, double f_at)
{
    search->f_b = f_at;
    if ((search->f_b > 0 && search->f_c > 0) || (search->f_b < 0 && search->f_c < 0)) {
        search->c = search->a;
        search->f_c = search->f_a;
    }
    advance(search);
}
