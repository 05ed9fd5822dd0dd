#include "analyzer/lint_report.h"

#include "base/error.h"
#include "base/version.h"
#include "collectors/http_message.h"

#include <stdbool.h>
#include <string.h>

#define CODE_QUERY_FAILED "SRN160"
#define CODE_QUERY_WARNING "SRN161"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* --- problems alone: what a dry run found becomes some, too --- */

static void add_query_problem(json_t *list, const json_t *report, const json_t *metric,
                              const char *code, const char *message)
{
    bool is_error = strcmp(code, CODE_QUERY_FAILED) == 0;

    json_array_append_new(list,
                          json_pack("{sssisissssssss}", "file", text_of(report, "file"), "line", 1,
                                    "column", 1, "severity", is_error ? "error" : "warning", "code",
                                    code, "pointer", text_of(metric, "name"), "message", message));
}

static void add_dry_run(json_t *list, const json_t *report)
{
    static const char *const sides[] = {"baseline", "canary"};
    const json_t *metric, *warning;
    size_t i, w;

    json_array_foreach (json_object_get(report, "metrics"), i, metric) {
        for (size_t s = 0; s < ARRAY_LEN(sides); s++) {
            const char *error = text_of(json_object_get(metric, sides[s]), "error");

            if (*error)
                add_query_problem(list, report, metric, CODE_QUERY_FAILED, error);
        }
        json_array_foreach (json_object_get(metric, "warnings"), w, warning)
            add_query_problem(list, report, metric, CODE_QUERY_WARNING, json_string_value(warning));
    }
}

static json_t *flatten(const json_t *problems)
{
    json_t *list = json_array(), *problem;
    size_t i;

    json_array_foreach (problems, i, problem) {
        const json_t *report = json_object_get(problem, "dryRun");

        if (report)
            add_dry_run(list, report);
        else
            json_array_append(list, problem);
    }
    return list;
}

/* --- SARIF --- */

/* A path as a URI reference; an absolute one gets its scheme. */
static json_t *file_uri(const char *path)
{
    struct strbuf uri = {0};
    json_t *out;

    strbuf_puts(&uri, *path == '/' ? "file://" : "");
    for (; *path; path++) {
        if (*path == '/')
            strbuf_puts(&uri, "/");
        else
            http_percent_encode(&uri, (const char[]){*path, '\0'});
    }
    out = json_string(strbuf_view(&uri).bytes);
    strbuf_clear(&uri);
    return out;
}

static size_t rule_index(json_t *rules, const char *code)
{
    size_t i;
    json_t *rule;

    json_array_foreach (rules, i, rule)
        if (strcmp(text_of(rule, "id"), code) == 0)
            return i;
    json_array_append_new(rules, json_pack("{ss}", "id", code));
    return i;
}

static json_t *sarif_result(const json_t *problem, json_t *rules)
{
    const char *code = text_of(problem, "code");
    json_t *region = json_pack("{sOsO}", "startLine", json_object_get(problem, "line"),
                               "startColumn", json_object_get(problem, "column"));
    json_t *location = json_pack("{s{s{so}so}}", "physicalLocation", "artifactLocation", "uri",
                                 file_uri(text_of(problem, "file")), "region", region);

    if (*text_of(problem, "pointer"))
        json_object_set_new(location, "logicalLocations",
                            json_pack("[{ss}]", "fullyQualifiedName", text_of(problem, "pointer")));
    return json_pack("{sssIsss{ss}s[o]}", "ruleId", code, "ruleIndex",
                     (json_int_t)rule_index(rules, code), "level", text_of(problem, "severity"),
                     "message", "text", text_of(problem, "message"), "locations", location);
}

json_t *lint_sarif(const json_t *problems)
{
    json_t *list = flatten(problems), *results = json_array(), *rules = json_array(), *problem;
    size_t i;

    json_array_foreach (list, i, problem)
        json_array_append_new(results, sarif_result(problem, rules));
    json_decref(list);
    return json_pack("{sssss[{s{s{ssssssso}}so}]}", "$schema",
                     "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs",
                     "tool", "driver", "name", "Serinus", "version", SERINUS_VERSION,
                     "semanticVersion", SERINUS_VERSION, "rules", rules, "results", results);
}

/* --- JUnit --- */

/* XML 1.0 has no way at all to hold most control characters. */
static void put_xml(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '&')
            strbuf_puts(out, "&amp;");
        else if (c == '<')
            strbuf_puts(out, "&lt;");
        else if (c == '>')
            strbuf_puts(out, "&gt;");
        else if (c == '"')
            strbuf_puts(out, "&quot;");
        else if (c == '\n' || c == '\t' || c == '\r')
            strbuf_printf(out, "&#%u;", c);
        else if (c < ' ' || c == 0x7f)
            strbuf_puts(out, "?");
        else
            strbuf_append(out, text, 1);
    }
}

static void put_attribute(struct strbuf *out, const char *name, const char *value)
{
    strbuf_printf(out, " %s=\"", name);
    put_xml(out, value);
    strbuf_puts(out, "\"");
}

/* "12:3 /metrics/0/name" */
static void put_place(struct strbuf *out, const json_t *problem)
{
    strbuf_printf(out, "%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT " ",
                  json_integer_value(json_object_get(problem, "line")),
                  json_integer_value(json_object_get(problem, "column")));
    put_xml(out, *text_of(problem, "pointer") ? text_of(problem, "pointer") : "/");
}

static void put_failure(struct strbuf *out, const char *file, const json_t *problem)
{
    strbuf_puts(out, "    <testcase");
    put_attribute(out, "classname", file);
    strbuf_puts(out, " name=\"");
    put_place(out, problem);
    strbuf_puts(out, "\">\n      <failure");
    put_attribute(out, "type", text_of(problem, "code"));
    put_attribute(out, "message", text_of(problem, "message"));
    strbuf_puts(out, "/>\n    </testcase>\n");
}

static void put_suite(struct strbuf *out, const char *file, const json_t *list)
{
    struct strbuf cases = {0}, warnings = {0};
    size_t n_failures = 0, i;
    const json_t *problem;

    json_array_foreach (list, i, problem) {
        if (strcmp(text_of(problem, "file"), file) != 0)
            continue;
        if (strcmp(text_of(problem, "severity"), "error") == 0) {
            put_failure(&cases, file, problem);
            n_failures++;
        } else {
            put_place(&warnings, problem);
            strbuf_puts(&warnings, " warning ");
            put_xml(&warnings, text_of(problem, "code"));
            strbuf_puts(&warnings, ": ");
            put_xml(&warnings, text_of(problem, "message"));
            strbuf_puts(&warnings, "\n");
        }
    }
    strbuf_puts(out, "  <testsuite");
    put_attribute(out, "name", file);
    strbuf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n",
                  n_failures ? n_failures : 1, n_failures);
    strbuf_append(out, strbuf_view(&cases).bytes, cases.n_bytes);
    if (!n_failures) {
        strbuf_puts(out, "    <testcase");
        put_attribute(out, "classname", file);
        strbuf_puts(out, " name=\"valid\"/>\n");
    }
    if (warnings.n_bytes) {
        strbuf_puts(out, "    <system-out>");
        strbuf_append(out, warnings.bytes, warnings.n_bytes);
        strbuf_puts(out, "</system-out>\n");
    }
    strbuf_puts(out, "  </testsuite>\n");
    strbuf_clear(&cases);
    strbuf_clear(&warnings);
}

void lint_junit(const json_t *problems, const char *const *files, size_t n_files,
                struct strbuf *out)
{
    json_t *list = flatten(problems);

    strbuf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<testsuites name=\"serinus validate\">\n");
    for (size_t i = 0; i < n_files; i++)
        put_suite(out, files[i], list);
    strbuf_puts(out, "</testsuites>\n");
    json_decref(list);
}
