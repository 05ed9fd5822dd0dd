/* Which addresses these are: the IANA special-purpose registries, RFC 4291, 3056, 6052 and 8215. */
#include "tests/support.h"

#include "base/error.h"
#include "collectors/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static const struct {
    const char *text;
    bool is_refused;
} cases[] = {
    {"127.0.0.1", false},
    {"10.1.2.3", false},
    {"172.16.0.1", false},
    {"192.168.1.1", false},
    {"100.64.0.1", false},
    {"8.8.8.8", false},
    {"169.253.255.255", false},
    {"169.254.0.0", true},
    {"169.254.169.254", true},
    {"169.254.170.2", true},
    {"169.254.170.23", true},
    {"169.254.255.255", true},
    {"169.255.0.0", false},
    {"0.0.0.0", true},
    {"0.1.2.3", true},
    {"1.0.0.0", false},
    {"100.100.100.200", true},
    {"100.100.100.201", false},
    {"223.255.255.255", false},
    {"224.0.0.1", true},
    {"239.255.255.255", true},
    {"240.0.0.1", true},
    {"255.255.255.255", true},
    {"::1", false},
    {"::", true},
    {"2001:db8::1", false},
    {"fd12:3456::1", false},
    {"fd00:ec2::254", true},
    {"fd00:ec2::253", false},
    {"fd00:ec2::23", true},
    {"fd20:ce::254", true},
    {"fd20:ce::253", false},
    {"fe80::1", true},
    {"febf:ffff::1", true},
    {"fec0::1", false},
    {"ff02::1", true},
    {"::ffff:127.0.0.1", false},
    {"::ffff:169.254.169.254", true},
    {"::169.254.169.254", true},
    {"::10.0.0.1", false},
    {"2002:a9fe:a9fe::1", true},
    {"2002:0a00:0001::1", false},
    {"64:ff9b::169.254.169.254", true},
    {"64:ff9b::8.8.8.8", false},
    {"64:ff9b:1::169.254.169.254", true},
    {"64:ff9b:1::8.8.8.8", false},
    {"64:ff9b:1:a9fe:a9:fe00::", true}, /* 169.254.169.254 behind the /48 */
    {"64:ff9b:1:808:8:800::", false},
};

/* Of those refused, where machines get credentials; an address that only leads there is not. */
static const char *const metadata[] = {"169.254.169.254", "169.254.170.2", "169.254.170.23",
                                       "fd00:ec2::254",   "fd00:ec2::23",  "fd20:ce::254"};

static bool is_known_metadata(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(metadata); i++)
        if (strcmp(text, metadata[i]) == 0)
            return true;
    return false;
}

static void address_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool is_v6 = strchr(cases[i].text, ':') != NULL;

        row("%s", cases[i].text);
        assert_int_equal(1, inet_pton(is_v6 ? AF_INET6 : AF_INET, cases[i].text,
                                      is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr));
        assert_int_equal(cases[i].is_refused,
                         address_is_refused(is_v6 ? (const struct sockaddr *)&v6
                                                  : (const struct sockaddr *)&v4));
        assert_int_equal(is_known_metadata(cases[i].text),
                         address_is_metadata(is_v6 ? (const struct sockaddr *)&v6
                                                   : (const struct sockaddr *)&v4));
    }
}

static void address_of_another_family(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    (void)state;
    assert_true(address_is_refused((const struct sockaddr *)&local));
    assert_false(address_is_metadata((const struct sockaddr *)&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_refused),
        cmocka_unit_test(address_of_another_family),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
