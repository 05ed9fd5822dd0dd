/* Settings files: whatever the bytes, an error or a tree within its limits that can be walked. */
#include "analyzer/codec/yaml_json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    json_t *value = NULL, *marks = NULL;

    if (yaml_or_json_read_marked((struct str){(const char *)bytes, n_bytes}, "fuzz.yml", &value,
                                 &marks, &err) == ERR_OK) {
        free(json_dumps(value, JSON_COMPACT)); /* walks all of it */
        json_decref(value);
        json_decref(marks);
    }
    return 0;
}
