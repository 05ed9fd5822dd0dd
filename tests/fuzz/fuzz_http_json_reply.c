#include "tests/fuzz/reply_target.h"

#define ACCOUNT(reply, paging)                                                                     \
    "{\"url\":\"http://h\",\"requests\":{\"r\":{\"path\":\"q\",\"reply\":{" reply                  \
    "},\"paging\":{" paging "}}}}"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply_to("http-json",
                  ACCOUNT("\"error\":[\"/e\"],\"series\":\"/s/*\",\"labels\":\"/l\",\"timeUnit\":"
                          "\"ms\",\"points\":{\"shape\":\"map\",\"at\":\"/p\"}",
                          "\"kind\":\"token\",\"next\":\"/n\",\"param\":\"p\""),
                  "GET q", bytes, n_bytes);
    read_reply_to("http-json",
                  ACCOUNT("\"series\":\"/s/*/t/*\",\"labels\":{\"a\":\"#1\",\"b\":\"@1/x\"},"
                          "\"timeUnit\":\"rfc3339\",\"stamp\":\"end\",\"grid\":\"none\",\"points\":"
                          "{\"shape\":\"objects\",\"at\":\"/p\",\"time\":\"/t\",\"value\":\"/v\"}",
                          "\"kind\":\"link\",\"next\":\"/n\""),
                  "GET q", bytes, n_bytes);
    read_reply_to("http-json",
                  ACCOUNT("\"series\":\"/s/*\",\"reduce\":\"mean\",\"labels\":{\"list\":\"/l\","
                          "\"name\":\"/n\",\"value\":\"/v\"},\"points\":{\"shape\":\"columns\","
                          "\"time\":\"/t\",\"value\":\"/v\"}",
                          "\"kind\":\"offset\",\"param\":\"o\",\"limit\":1"),
                  "GET q", bytes, n_bytes);
    return 0;
}
