/* collectors/address.h -- which addresses are never connected to, whatever a name resolves to. */
#ifndef COLLECTORS_ADDRESS_H
#define COLLECTORS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Link-local (cloud metadata lives there), the other well-known metadata addresses, "this network",
 * multicast, reserved and broadcast; the same inside IPv4-mapped, IPv4-compatible, 6to4 and NAT64
 * addresses. Loopback and private networks are fine: most metric stores are there. */
bool address_is_refused(const struct sockaddr *address);

#endif
