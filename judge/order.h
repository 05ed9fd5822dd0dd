/* judge/order.h -- doubles as unsigned integers that compare the way the rank test orders values:
 * -0.0 strictly below 0.0. Compilers turn a sum with such a comparison into two instructions. */
#ifndef JUDGE_ORDER_H
#define JUDGE_ORDER_H

#include <stdint.h>
#include <string.h>

#define ORDER_SIGN ((uint64_t)1 << 63)
/* Below and above the key of every double that is not a NaN. */
#define ORDER_LOWEST ((uint64_t)0)
#define ORDER_HIGHEST UINT64_MAX

static inline uint64_t order_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline uint64_t order_key(double value)
{
    uint64_t bits = order_bits(value);

    /* Negative doubles grow downwards: turn all their bits, and only the sign of the others. */
    return bits ^ ((uint64_t)((int64_t)bits >> 63) | ORDER_SIGN);
}

static inline double order_value(uint64_t key)
{
    uint64_t bits = key ^ ((uint64_t)((int64_t)~key >> 63) | ORDER_SIGN);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

#endif
