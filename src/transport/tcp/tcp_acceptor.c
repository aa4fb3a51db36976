#include "transport/tcp/tcp_acceptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/control_loop.h"

struct tcp_acceptor {
	struct tcp_acceptor_options options;
	struct control_watch *watch;
	struct control_timer *again;
	bool *freed; /* of the turn that is under way */
};

/* Of the two families; anything else is an endpoint without an address. */
static struct endpoint endpoint_of(const struct sockaddr_storage *name) {
	struct endpoint made = {.port = 0};
	if (name->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
		made.address = address_from_bytes(ADDRESS_V4, (const uint8_t *)&v4->sin_addr);
		made.port = ntohs(v4->sin_port);
	} else if (name->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;
		const uint8_t *bytes = v6->sin6_addr.s6_addr;
		made.address = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)
						   ? address_from_bytes(ADDRESS_V4, bytes + 12)
						   : address_from_bytes(ADDRESS_V6, bytes);
		made.port = ntohs(v6->sin6_port);
		made.scope_id = IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? v6->sin6_scope_id : 0;
	}
	return made;
}

static void pause_a_little(struct tcp_acceptor *acceptor) {
	if (control_watch_change(acceptor->watch, 0) == ERR_OK)
		control_timer_set(acceptor->again, TCP_ACCEPTOR_PAUSE_MILLISECONDS * CLOCK_MILLISECOND);
}

static void ready(void *context, uint32_t events) {
	(void)events;
	struct tcp_acceptor *acceptor = context;
	bool freed = false;
	acceptor->freed = &freed;
	for (unsigned i = 0; i < TCP_ACCEPTOR_TURN_MAX; i++) {
		struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
		socklen_t size = sizeof name;
		int descriptor = accept4(acceptor->options.descriptor, (struct sockaddr *)&name, &size,
								 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				pause_a_little(acceptor);
			/* Other errors are of a connection that was given up before it was taken (accept(2)).
			 */
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			break;
		}
		struct endpoint from = endpoint_of(&name);
		acceptor->options.accepted(acceptor->options.context, descriptor, &from);
		if (freed)
			return;
	}
	acceptor->freed = NULL;
}

static void resume(void *context) {
	struct tcp_acceptor *acceptor = context;
	if (control_watch_change(acceptor->watch, EPOLLIN))
		control_timer_set(acceptor->again, TCP_ACCEPTOR_PAUSE_MILLISECONDS * CLOCK_MILLISECOND);
}

enum err tcp_acceptor_new(const struct tcp_acceptor_options *options,
						  struct tcp_acceptor **out_acceptor) {
	struct tcp_acceptor *acceptor = calloc(1, sizeof *acceptor);
	if (!acceptor) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	acceptor->options = *options;
	enum err error = control_timer_new(options->loop, resume, acceptor, &acceptor->again);
	if (!error)
		error = control_watch_new(options->loop, options->descriptor, EPOLLIN, ready, acceptor,
								  &acceptor->watch);
	if (error) {
		tcp_acceptor_free(acceptor);
		return error;
	}
	*out_acceptor = acceptor;
	return ERR_OK;
}

void tcp_acceptor_refuse(struct tcp_acceptor *acceptor) {
	if (!acceptor)
		return;
	control_timer_stop(acceptor->again);
	(void)control_watch_change(acceptor->watch, 0);
	(void)shutdown(acceptor->options.descriptor, SHUT_RDWR);
}

void tcp_acceptor_free(struct tcp_acceptor *acceptor) {
	if (!acceptor)
		return;
	if (acceptor->freed)
		*acceptor->freed = true;
	control_watch_free(acceptor->watch);
	control_timer_free(acceptor->again);
	(void)close(acceptor->options.descriptor);
	free(acceptor);
}
