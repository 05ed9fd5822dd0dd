/* Picks the judge that fits a metric, by its metricType; the report's method says what it was.
 *
 * gauge, latency        RobustRank-v1.0
 * counter               Rate-v1.0; RobustRank-v1.0 when the values are no counts
 * errorRate             Rate-v1.0 with an exposure metric, else RobustRank-v1.0
 * histogram             Distribution-v1.0
 *
 * `method` counts where the judge picked has it; elsewhere its default holds. */
#include "judge/measure.h"

extern const struct judge_type judge_robust_rank, judge_rate, judge_distribution;

static const struct judge_type *pick(const struct test_input *input, struct test_report *out)
{
    switch (input->policy->options.metric_type) {
    case TYPE_COUNTER:
        if (measure_counts(input->arms) != COUNTS_NONE)
            return &judge_rate;
        test_report_warn(
            out, "noCounts",
            "the values of this counter are no numbers of events and were compared as a "
            "gauge; query them per interval, in Prometheus with increase()");
        return &judge_robust_rank;
    case TYPE_ERROR_RATE:
        return input->exposure ? &judge_rate : &judge_robust_rank;
    case TYPE_HISTOGRAM:
        return &judge_distribution;
    default:
        return &judge_robust_rank;
    }
}

static void auto_test(const struct test_input *input, struct arena *scratch, struct arena *arena,
                      struct test_report *out)
{
    const struct judge_type *judge = pick(input, out);
    struct metric_policy policy = *input->policy;
    struct test_input picked = *input;

    if (!(judge->methods >> policy.options.method & 1))
        policy.options.method = METHOD_DEFAULT;
    picked.policy = &policy;
    judge->test(&picked, scratch, arena, out);
}

const struct judge_type judge_auto = {
    .name = "Auto-v1.0",
    .is_visible = true,
    .methods = 1u << METHOD_HAR | 1u << METHOD_ESS | 1u << METHOD_INDEPENDENT | 1u << METHOD_KS |
               1u << METHOD_AD | 1u << METHOD_QUANTILE,
    .test = auto_test,
};
