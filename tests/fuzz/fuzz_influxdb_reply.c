#include "tests/fuzz/reply_target.h"

/* With times as text, and as numbers. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("influxdb", "{}", bytes, n_bytes);
    read_reply("influxdb", "{\"epoch\":\"ns\"}", bytes, n_bytes);
    return 0;
}
