/* judge/order.h -- doubles as integers that compare the way the rank test orders values: -0.0
 * strictly below 0.0. */
#ifndef JUDGE_ORDER_H
#define JUDGE_ORDER_H

#include <stdint.h>
#include <string.h>

static inline int64_t order_key(double value)
{
    int64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    /* Negative doubles grow downwards: turn all their bits but the sign. */
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static inline double order_value(int64_t key)
{
    int64_t bits = key ^ (int64_t)((uint64_t)(key >> 63) >> 1);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

#endif
