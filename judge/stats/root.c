#include "judge/stats/root.h"

#include <math.h>

#define MAX_NEWTON_STEPS 50 /* some ten are usual */
#define MAX_STEPS 200       /* halving a range of doubles around 1 takes 64 */
#define TOLERANCE 1e-15

double root_find(root_function function, const void *ctx, double low, double high, double start)
{
    double at = start;

    for (int i = 0; i < MAX_STEPS; i++) {
        double slope, value = function(at, &slope, ctx);
        double next = at - value / slope;

        if (value == 0)
            return at;
        if (value < 0)
            low = at;
        else
            high = at;
        if (!(next > low && next < high) || i >= MAX_NEWTON_STEPS)
            next = low + (high - low) / 2;
        if (fabs(next - at) <= TOLERANCE * fmax(1, fabs(at)))
            return next;
        at = next;
    }
    return at;
}
