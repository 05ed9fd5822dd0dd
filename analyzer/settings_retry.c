#include "analyzer/settings_retry.h"

#include <string.h>
#include <strings.h>

/* The names of Spring's HttpStatus, the deprecated ones included. */
static const struct {
    const char *name;
    int status;
} statuses[] = {
    {"BAD_REQUEST", 400},
    {"UNAUTHORIZED", 401},
    {"PAYMENT_REQUIRED", 402},
    {"FORBIDDEN", 403},
    {"NOT_FOUND", 404},
    {"METHOD_NOT_ALLOWED", 405},
    {"NOT_ACCEPTABLE", 406},
    {"PROXY_AUTHENTICATION_REQUIRED", 407},
    {"REQUEST_TIMEOUT", 408},
    {"CONFLICT", 409},
    {"GONE", 410},
    {"LENGTH_REQUIRED", 411},
    {"PRECONDITION_FAILED", 412},
    {"PAYLOAD_TOO_LARGE", 413},
    {"REQUEST_ENTITY_TOO_LARGE", 413},
    {"URI_TOO_LONG", 414},
    {"REQUEST_URI_TOO_LONG", 414},
    {"UNSUPPORTED_MEDIA_TYPE", 415},
    {"REQUESTED_RANGE_NOT_SATISFIABLE", 416},
    {"EXPECTATION_FAILED", 417},
    {"I_AM_A_TEAPOT", 418},
    {"INSUFFICIENT_SPACE_ON_RESOURCE", 419},
    {"METHOD_FAILURE", 420},
    {"DESTINATION_LOCKED", 421},
    {"UNPROCESSABLE_ENTITY", 422},
    {"LOCKED", 423},
    {"FAILED_DEPENDENCY", 424},
    {"TOO_EARLY", 425},
    {"UPGRADE_REQUIRED", 426},
    {"PRECONDITION_REQUIRED", 428},
    {"TOO_MANY_REQUESTS", 429},
    {"REQUEST_HEADER_FIELDS_TOO_LARGE", 431},
    {"UNAVAILABLE_FOR_LEGAL_REASONS", 451},
    {"INTERNAL_SERVER_ERROR", 500},
    {"NOT_IMPLEMENTED", 501},
    {"BAD_GATEWAY", 502},
    {"SERVICE_UNAVAILABLE", 503},
    {"GATEWAY_TIMEOUT", 504},
    {"HTTP_VERSION_NOT_SUPPORTED", 505},
    {"VARIANT_ALSO_NEGOTIATES", 506},
    {"INSUFFICIENT_STORAGE", 507},
    {"LOOP_DETECTED", 508},
    {"BANDWIDTH_LIMIT_EXCEEDED", 509},
    {"NOT_EXTENDED", 510},
    {"NETWORK_AUTHENTICATION_REQUIRED", 511},
};

/* Each value of HttpStatus.Series but SERVER_ERROR, by name and by number, and below them the
 * statuses that are no errors. */
static bool is_other_series(const char *text)
{
    static const char *const words[] = {
        "INFORMATIONAL", "SUCCESSFUL", "REDIRECTION", "CLIENT_ERROR", "1", "2", "3", "4"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static void normalise_series(struct settings_tree *tree, const char *account, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list);) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text && is_other_series(text)) {
            settings_warn(tree,
                          "account \"%s\": retry.series: %s is not asked again for; list single "
                          "statuses in retry.statuses",
                          account, text);
            json_array_remove(list, i);
            continue;
        }
        if (text && strcmp(text, "5") == 0)
            json_array_set_new(list, i, json_string("SERVER_ERROR"));
        i++;
    }
}

static void normalise_statuses(json_t *list)
{
    json_t *value;
    size_t i;

    json_array_foreach (list, i, value)
        for (size_t k = 0; json_is_string(value) && k < ARRAY_LEN(statuses); k++)
            if (strcasecmp(json_string_value(value), statuses[k].name) == 0) {
                json_array_set_new(list, i, json_integer(statuses[k].status));
                break;
            }
}

void settings_retry_normalise(struct settings_tree *tree, const char *account, json_t *retry)
{
    normalise_series(tree, account, json_object_get(retry, "series"));
    normalise_statuses(json_object_get(retry, "statuses"));
}
