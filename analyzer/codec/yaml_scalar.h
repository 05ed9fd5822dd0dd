/* analyzer/codec/yaml_scalar.h -- what a plain (unquoted, untagged) YAML scalar means by the core
 * schema of YAML 1.2, as yaml_json.h words it. */
#ifndef ANALYZER_CODEC_YAML_SCALAR_H
#define ANALYZER_CODEC_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

/* `text` is terminated and holds no NUL. A new value; NULL when the text is not valid UTF-8. */
json_t *yaml_scalar_value(const char *text, size_t n_bytes);

#endif
