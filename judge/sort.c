#include "judge/sort.h"

#include "judge/order.h"

void sort_doubles(const double *values, size_t n, double *sorted, double *scratch)
{
    (void)scratch;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;

        for (; at && order_key(sorted[at - 1]) > order_key(values[i]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = values[i];
    }
}
