#include "tests/fuzz/reply_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("newrelic", "{}", bytes, n_bytes);
    read_reply("newrelic", "{\"api\":\"nerdgraph\"}", bytes, n_bytes);
    return 0;
}
