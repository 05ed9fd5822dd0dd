/* Times, durations and numbers: what is taken is written and read back to the same value. */
#include "base/arena.h"
#include "base/instant.h"
#include "base/number.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_instant(const char *text)
{
    char written[INSTANT_TEXT_BYTES];
    struct error err = {0};
    int64_t unix_ns, back;

    if (instant_parse(text, &unix_ns, &err))
        return;
    if (instant_parse(instant_text(unix_ns, written), &back, &err) || back != unix_ns)
        abort();
}

static void check_duration(const char *text)
{
    char written[INSTANT_TEXT_BYTES];
    struct error err = {0};
    int64_t seconds, back;

    if (duration_parse(text, &seconds, &err))
        return;
    if (duration_parse(duration_text(seconds * NS_PER_S, written), &back, &err) || back != seconds)
        abort();
}

static void check_number(const char *text)
{
    char written[NUMBER_TEXT_BYTES];
    double value, back;

    if (!number_parse(text, strlen(text), &value) || value != value)
        return;
    number_text(value, written);
    if (!number_parse(written, strlen(written), &back) || memcmp(&value, &back, sizeof(value)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct error err = {0};
    int64_t ignored;
    char *text = mem_alloc(size + 1, 1);

    memcpy(text, data, size);
    check_instant(text);
    check_duration(text);
    check_number(text);
    (void)(instant_parse_relative(text, 1787220000 * NS_PER_S, &ignored, &err) == ERR_OK);
    free(text);
    return 0;
}
