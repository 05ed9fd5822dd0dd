#include "tests/fuzz/reply_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("signalfx", "{}", bytes, n_bytes);
    return 0;
}
