/* collectors/address.h -- which addresses are never connected to, whatever a name resolves to. */
#ifndef COLLECTORS_ADDRESS_H
#define COLLECTORS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Link-local (cloud metadata lives there), the other well-known metadata addresses, "this network",
 * multicast, reserved and broadcast; the same inside IPv4-mapped, IPv4-compatible, 6to4 and NAT64
 * addresses. Loopback and private networks are fine: most metric stores are there. */
bool address_is_refused(const struct sockaddr *address);

/* Of those, where a cloud's machines get their credentials: 169.254.169.254, 169.254.170.2 and .23,
 * fd00:ec2::254 and ::23, fd20:ce::254. Only the code that signs in may go there. */
bool address_is_metadata(const struct sockaddr *address);

#endif
