/* JSON from outside: what is read can be written, and reads back as the same tree. */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct strbuf written = {0};
    struct error err = {0};
    json_t *value = NULL, *back = NULL;

    if (json_read((struct str){(const char *)data, size}, &json_limits_request, &value, &err))
        return 0;
    json_write(value, &written);
    if (json_read(strbuf_view(&written), &json_limits_document, &back, &err) ||
        !json_equal(value, back))
        abort();
    strbuf_clear(&written);
    json_decref(value);
    json_decref(back);
    return 0;
}
