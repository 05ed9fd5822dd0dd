#include "tests/fuzz/reply_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("datadog", "{}", bytes, n_bytes);
    read_reply("datadog", "{\"apiVersion\":\"v2\",\"tagsFromGroups\":true}", bytes, n_bytes);
    return 0;
}
