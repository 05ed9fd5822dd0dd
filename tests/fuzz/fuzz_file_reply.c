#include "tests/fuzz/reply_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply_to("file", "{}", "m", bytes, n_bytes);
    read_reply_to("file", "{\"format\":\"csv\",\"window\":\"data\"}", "m{a!=\"b\"}", bytes,
                  n_bytes);
    read_reply_to("file", "{\"format\":\"openmetrics\",\"timeUnit\":\"ms\",\"sideLabel\":\"v\"}",
                  "m", bytes, n_bytes);
    read_reply_to("file", "{\"sides\":{\"canary\":[\"s\"]}}", "m", bytes, n_bytes);
    return 0;
}
