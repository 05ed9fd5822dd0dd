#include "analyzer/batch_answer.h"

#include "base/json.h"

void batch_answer_take(const json_t *request, json_t *result, const struct error *err,
                       struct strbuf *out)
{
    json_t *id = json_object_get(request, "id");
    json_t *answer = json_object();
    char text[sizeof(err->context) + sizeof(err->message)];

    json_object_set_new(answer, "id", id ? json_incref(id) : json_null());
    if (err->code) {
        json_object_set_new(answer, "error", json_string(error_text(err, text, sizeof(text))));
        json_decref(result);
    } else {
        json_object_set_new(answer, "result", result);
    }
    json_write(answer, out);
    json_decref(answer);
}
