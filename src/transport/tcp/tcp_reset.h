#pragma once

/*
 * Has the peer of a TCP connection see a reset; the descriptor is to be closed after it. Not by
 * SO_LINGER: where there is a sandbox that option is refused, as a descriptor with it can make
 * whoever closes it wait.
 */
void tcp_reset(int descriptor);
