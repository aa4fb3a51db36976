#include "tunnel/front_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/stream_figure.h"
#include "tunnel/farewell.h"
#include "tunnel/forward_tcp.h"
#include "tunnel/forward_udp.h"
#include "tunnel/front_port.h"
#include "tunnel/stream_options.h"

/* One of the three. */
struct front_end {
	struct front_port *mixed;
	struct forward_tcp *tcp;
	struct forward_udp *udp;
};

struct front_ends {
	struct front_setup setup;
	struct front_figures figures;
	struct front_end ends[STREAM_LISTENERS_MAX];
	size_t count;
};

static enum err begin(struct front_ends *ends, struct front_end *end,
					  const struct stream_options *options, const struct stream_listener *listener,
					  int descriptor) {
	const struct front_port_options mixed = {&ends->setup, descriptor, options->users,
											 options->user_count};
	const struct forward_tcp_options tcp = {&ends->setup, descriptor, listener->target};
	const struct forward_udp_options udp = {&ends->setup, descriptor, listener->target};
	switch (listener->kind) {
	case STREAM_LISTENER_MIXED:
		return front_port_new(&mixed, &end->mixed);
	case STREAM_LISTENER_TCP:
		return forward_tcp_new(&tcp, &end->tcp);
	case STREAM_LISTENER_UDP:
		return forward_udp_new(&udp, &end->udp);
	case STREAM_LISTENER_CARRIER:
		break;
	}
	(void)close(descriptor);
	return ERR_INVALID;
}

/* With descriptors of their own, so that the caller's are as they were when one of them fails. */
static enum err begin_all(struct front_ends *ends, const struct stream_options *options,
						  const int *listeners) {
	for (size_t i = 0; i < options->listener_count; i++) {
		int descriptor = fcntl(listeners[i], F_DUPFD_CLOEXEC, 0);
		if (descriptor < 0)
			return err_from_errno(errno);
		enum err error = begin(ends, &ends->ends[i], options, &options->listeners[i], descriptor);
		if (error)
			return error;
		ends->count++;
	}
	return ERR_OK;
}

enum err front_ends_new(const struct stream_host *host, struct uplink *uplink,
						const struct stream_options *options, const int *listeners,
						struct front_ends **out_ends) {
	if (options->listener_count > STREAM_LISTENERS_MAX)
		return ERR_INVALID;
	struct front_ends *ends = calloc(1, sizeof *ends);
	if (!ends)
		return ERR_NO_MEMORY;
	ends->setup = (struct front_setup){.host = host, .uplink = uplink, .figures = &ends->figures};
	enum err error = farewell_new(host, &ends->setup.farewell);
	if (!error)
		error = begin_all(ends, options, listeners);
	if (error) {
		front_ends_free(ends);
		return error;
	}
	for (size_t i = 0; i < options->listener_count; i++)
		(void)close(listeners[i]);
	*out_ends = ends;
	return ERR_OK;
}

void front_ends_free(struct front_ends *ends) {
	if (!ends)
		return;
	for (size_t i = 0; i < ends->count; i++) {
		front_port_free(ends->ends[i].mixed);
		forward_tcp_free(ends->ends[i].tcp);
		forward_udp_free(ends->ends[i].udp);
	}
	farewell_free(ends->setup.farewell);
	free(ends);
}

enum err front_ends_set(struct front_ends *ends, const struct stream_options *options) {
	struct front_port_users *users;
	enum err error = front_port_users_new(options->users, options->user_count, &users);
	if (error)
		return error;
	for (size_t i = 0; i < ends->count; i++)
		if (ends->ends[i].mixed)
			front_port_set_users(ends->ends[i].mixed, users);
	front_port_users_free(users);
	return ERR_OK;
}

const struct front_figures *front_ends_figures(const struct front_ends *ends) {
	return &ends->figures;
}

void front_ends_count(const struct front_ends *ends, struct stream_figure_set *figures) {
	const struct front_figures *more = &ends->figures;
	figures->of[STREAM_FIGURE_RELAYS] += more->open_connections;
	figures->of[STREAM_FIGURE_SESSIONS] += more->open_sessions;
	figures->of[STREAM_FIGURE_ACCEPTED] += more->connections + more->sessions;
	figures->of[STREAM_FIGURE_DECLINED] += more->declined;
	figures->of[STREAM_FIGURE_REFUSED] += more->refused;
	figures->of[STREAM_FIGURE_DATAGRAMS_DROPPED] += more->datagrams_dropped;
}
