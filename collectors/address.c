#include "collectors/address.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#define METADATA_ALIBABA 0x646464c8u /* 100.100.100.200 */

static bool is_refused_v4(const unsigned char bytes[4])
{
    uint32_t address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                       (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];

    return bytes[0] == 0 || bytes[0] >= 224 || (bytes[0] == 169 && bytes[1] == 254) ||
           address == METADATA_ALIBABA;
}

/* Unlike the IPv4 ones these are not link-local: private addresses that only a cloud knows. */
static bool is_metadata_v6(const unsigned char bytes[16])
{
    static const unsigned char known[][16] = {
        {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54},
        {0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23},
        {0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (memcmp(bytes, known[i], sizeof(known[i])) == 0)
            return true;
    return false;
}

static bool is_refused_v6(const unsigned char bytes[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char zeros[12] = {0};
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const unsigned char nat64_local[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
    static const unsigned char loopback[16] = {[15] = 1};

    if (memcmp(bytes, loopback, sizeof(loopback)) == 0)
        return false;
    if (memcmp(bytes, mapped, sizeof(mapped)) == 0 || memcmp(bytes, zeros, sizeof(zeros)) == 0 ||
        memcmp(bytes, nat64, sizeof(nat64)) == 0)
        return is_refused_v4(bytes + 12);
    if (memcmp(bytes, nat64_local, sizeof(nat64_local)) == 0) {
        /* RFC 6052: behind a /48 the address stands around byte 8, behind a /96 of it in the end */
        const unsigned char around_8[4] = {bytes[6], bytes[7], bytes[9], bytes[10]};

        return is_refused_v4(bytes[6] || bytes[7] ? around_8 : bytes + 12);
    }
    if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4 */
        return is_refused_v4(bytes + 2);
    return bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
           is_metadata_v6(bytes);
}

bool address_is_refused(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof(v4));
        return is_refused_v4((const unsigned char *)&v4.sin_addr);
    case AF_INET6:
        memcpy(&v6, address, sizeof(v6));
        return is_refused_v6(v6.sin6_addr.s6_addr);
    default:
        return true;
    }
}

bool address_is_metadata(const struct sockaddr *address)
{
    static const unsigned char known[][4] = {
        {169, 254, 169, 254}, {169, 254, 170, 2}, {169, 254, 170, 23}};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        return is_metadata_v6(v6.sin6_addr.s6_addr);
    }
    if (address->sa_family != AF_INET)
        return false;
    memcpy(&v4, address, sizeof(v4));
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (memcmp(&v4.sin_addr, known[i], sizeof(known[i])) == 0)
            return true;
    return false;
}
