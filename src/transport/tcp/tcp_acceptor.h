#pragma once

#include "base/address.h"
#include "base/error.h"

/* Takes what connects to a listening TCP socket, on the control loop. */

struct control_loop;
struct tcp_acceptor;

enum {
	TCP_ACCEPTOR_TURN_MAX = 64, /* connections of a turn of the loop */
	/* Where this process has no descriptor or memory left, what waits may wait a little longer. */
	TCP_ACCEPTOR_PAUSE_MILLISECONDS = 100,
};

struct tcp_acceptor_options {
	struct control_loop *loop;
	int descriptor; /* listens, non-blocking; taken over, also on failure */
	/*
	 * A connection, non-blocking and close-on-exec, which is the owner's now, and who it comes
	 * from. The acceptor may be freed inside.
	 */
	void (*accepted)(void *context, int descriptor, const struct endpoint *from);
	void *context;
};

/* ERR_NO_MEMORY, or what the loop says. */
enum err tcp_acceptor_new(const struct tcp_acceptor_options *options,
						  struct tcp_acceptor **out_acceptor);
/*
 * From now on whoever connects is refused, and who waits in the kernel is, too: also where other
 * processes have the same socket, which cannot be used any more. NULL-safe.
 */
void tcp_acceptor_refuse(struct tcp_acceptor *acceptor);
/* Who waits in the kernel is refused, unless others have the same socket. NULL-safe. */
void tcp_acceptor_free(struct tcp_acceptor *acceptor);
