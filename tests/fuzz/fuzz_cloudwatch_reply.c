#include "tests/fuzz/reply_target.h"

#define QUERIES(first)                                                                             \
    "[" first ",{\"Id\":\"e1\",\"Expression\":\"SEARCH('x', 'Sum')\",\"Period\":60}]"
#define METRIC "{\"Id\":\"m1\",\"MetricStat\":{\"Period\":60}}"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply_to("cloudwatch", "{\"region\":\"r\"}", QUERIES(METRIC), bytes, n_bytes);
    read_reply_to("cloudwatch", "{\"region\":\"r\",\"partialData\":\"accept\"}", QUERIES(METRIC),
                  bytes, n_bytes);
    return 0;
}
