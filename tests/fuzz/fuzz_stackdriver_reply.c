#include "tests/fuzz/reply_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("stackdriver", "{\"bearerToken\":\"t\"}", bytes, n_bytes);
    read_reply_to("stackdriver", "{\"bearerToken\":\"t\"}", "MQL:fetch x", bytes, n_bytes);
    return 0;
}
